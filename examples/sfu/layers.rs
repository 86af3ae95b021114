//! Which of a publisher's simulcast layers a subscriber gets.

use duologue::rtp::codec::Description;
use duologue::rtp::stream::ReceiverId;
use std::time::{Duration, Instant};

/// The layers that publishers are asked for, from the smallest to the largest.
pub(crate) const RIDS: [&str; 3] = ["q", "h", "f"];
/// A layer that is silent for this long is not sent for the moment: browsers drop the largest when the network is narrow.
const SILENCE: Duration = Duration::from_millis(1500);

/// One encoding of a publisher's camera.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) receiver: ReceiverId,
    /// Its place among [`RIDS`]; 0 without simulcast.
    pub(crate) rank: usize,
    /// Pixels, once a key frame has told.
    pub(crate) height: Option<u16>,
    last: Instant,
}

/// The layers of one publisher, from the smallest to the largest.
#[derive(Debug, Default)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    pub(crate) fn add(&mut self, now: Instant, receiver: ReceiverId, rid: Option<&str>) {
        let rank = rid.and_then(|rid| RIDS.iter().position(|one| *one == rid)).unwrap_or(0);
        self.0.retain(|layer| layer.receiver != receiver);
        self.0.push(Layer { receiver, rank, height: None, last: now });
        self.0.sort_by_key(|layer| layer.rank);
    }

    pub(crate) fn remove(&mut self, receiver: ReceiverId) {
        self.0.retain(|layer| layer.receiver != receiver);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter()
    }

    /// A packet of a layer has come. Returns whether the layer is known.
    pub(crate) fn see(&mut self, now: Instant, receiver: ReceiverId, told: &Description) -> bool {
        let Some(layer) = self.0.iter_mut().find(|layer| layer.receiver == receiver) else { return false };
        layer.last = now;
        layer.height = told.resolution.map(|(_, height)| height).or(layer.height);
        true
    }

    /// The smallest layer that fills a picture of `height` pixels, or else the largest; of those that are sent.
    pub(crate) fn choose(&self, now: Instant, height: u16) -> Option<ReceiverId> {
        let sent = || self.0.iter().filter(|layer| now <= layer.last + SILENCE);
        // A quarter more pixels than there are is hardly seen, and costs half the bytes of the next layer.
        let fills = |layer: &&Layer| layer.height.is_some_and(|pixels| pixels + pixels / 4 >= height);
        sent().find(fills).or_else(|| sent().last()).map(|layer| layer.receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(now: Instant) -> Layers {
        let mut layers = Layers::default();
        for (number, rid, height) in [(7, "f", 540), (5, "q", 135), (6, "h", 270)] {
            layers.add(now, ReceiverId(number), Some(rid));
            let mut told = Description::default();
            told.resolution = Some((height * 16 / 9, height));
            layers.see(now, ReceiverId(number), &told);
        }
        layers
    }

    #[test]
    fn a_tile_gets_the_smallest_layer_that_fills_it() {
        let now = duologue_netsim::Network::new(1).now();
        let layers = layers(now);
        let chosen = [100, 135, 168, 169, 300, 400, 1080].map(|height| layers.choose(now, height).unwrap().0);
        assert_eq!(chosen, [5, 5, 5, 6, 6, 7, 7]);
    }

    #[test]
    fn a_layer_that_is_not_sent_is_not_chosen() {
        let now = duologue_netsim::Network::new(1).now();
        let mut layers = layers(now);
        let later = now + Duration::from_secs(2);
        assert_eq!(layers.choose(later, 540), None);
        layers.see(later, ReceiverId(6), &Description::default());
        assert_eq!(layers.choose(later, 540), Some(ReceiverId(6)));
        layers.see(later, ReceiverId(7), &Description::default());
        assert_eq!(layers.choose(later, 540), Some(ReceiverId(7)));
        layers.remove(ReceiverId(7));
        assert_eq!(layers.choose(later, 540), Some(ReceiverId(6)));
    }

    #[test]
    fn without_simulcast_there_is_one_layer_for_all() {
        let now = duologue_netsim::Network::new(1).now();
        let mut layers = Layers::default();
        layers.add(now, ReceiverId(1), None);
        assert_eq!(layers.choose(now, 1080), Some(ReceiverId(1)));
    }
}
