//! The calls on transceivers, as the browser's API has them (W3C, Sections 5.1 to 5.4).

use super::codecs;
use super::error::TransceiverError;
use super::event::Event;
use super::negotiator::Negotiator;
use super::parameters::Parameters;
use super::state::SignalingState;
use super::transceiver::{Encoding, Life, Origin, TrackKind, Transceiver, TransceiverId, TransceiverInit};
use crate::{Codec, Direction, Text};

/// RFC 8851, Section 10, and the W3C's limit.
const MAX_RID: usize = 16;

impl Negotiator {
    /// Every transceiver that is not gone, in the order in which they were added.
    pub fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.session.transceivers.iter()
    }

    /// A transceiver; `None` when it is another connection's, or gone.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.session.transceiver(id)
    }

    /// Adds a transceiver; the next offer has a section for it.
    pub fn add_transceiver(
        &mut self,
        kind: TrackKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.able(kind)?;
        let max = self.config.capabilities(kind).max_encodings;
        let encodings = checked_encodings(kind, init.send_encodings, max)?;
        checked_rids(init.receive_rids.iter().map(Some))?;
        let mut one = self.names.transceiver(kind, init.direction, Origin::AddTransceiver);
        one.sender.track = init.track;
        one.sender.streams = unique(&init.streams);
        one.sender.encodings = encodings;
        one.wanted_rids = init.receive_rids;
        let id = one.id;
        self.session.transceivers.push(one);
        self.update_needed();
        Ok(id)
    }

    /// Sends a track: on a transceiver that has sent nothing yet, or on a new one.
    pub fn add_track(
        &mut self,
        kind: TrackKind,
        track: impl Into<Text>,
        streams: &[Text],
    ) -> Result<TransceiverId, TransceiverError> {
        self.able(kind)?;
        let track = track.into();
        if self.session.transceivers.iter().any(|one| one.sender.track.as_ref() == Some(&track)) {
            return Err(TransceiverError::TrackTaken);
        }
        let fits = |one: &&mut Transceiver| {
            one.kind == kind && one.sender.track.is_none() && one.life == Life::Active && !one.sender.has_sent
        };
        let reused = self.session.transceivers.iter_mut().find(fits);
        let id = if let Some(one) = reused {
            one.direction = Direction::from_flags(true, one.direction.receives());
            one.sender.track = Some(track);
            one.sender.streams = unique(streams);
            one.origin = Origin::AddTrack;
            one.id
        } else {
            let mut one = self.names.transceiver(kind, Direction::SendRecv, Origin::AddTrack);
            one.sender.track = Some(track);
            one.sender.streams = unique(streams);
            let id = one.id;
            self.session.transceivers.push(one);
            id
        };
        self.update_needed();
        Ok(id)
    }

    /// Stops sending a transceiver's track, until another one is added. Does nothing for a transceiver that is stopped or
    /// gone.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.open()?;
        if !self.names.has_named(id) {
            return Err(TransceiverError::Unknown);
        }
        if let Ok(one) = self.active(id)
            && one.sender.track.take().is_some()
        {
            one.direction = Direction::from_flags(false, one.direction.receives());
            self.update_needed();
        }
        Ok(())
    }

    /// Sends another track in the place of a transceiver's, or none; nothing is negotiated.
    pub fn replace_track(&mut self, id: TransceiverId, track: Option<Text>) -> Result<(), TransceiverError> {
        self.open()?;
        self.active(id)?.sender.track = track;
        Ok(())
    }

    /// Puts a transceiver's track into other streams.
    pub fn set_streams(&mut self, id: TransceiverId, streams: &[Text]) -> Result<(), TransceiverError> {
        self.open()?;
        self.find(id)?.sender.streams = unique(streams);
        self.update_needed();
        Ok(())
    }

    /// Sets what a transceiver is wanted to do.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        self.open()?;
        self.active(id)?.direction = direction;
        self.update_needed();
        Ok(())
    }

    /// Ends a transceiver; its section becomes free with the next offer. Stopping it again does nothing.
    pub fn stop(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.open()?;
        let one = self.find(id)?;
        if one.life != Life::Active {
            return Ok(());
        }
        one.life = Life::Stopping;
        one.direction = Direction::Inactive;
        self.events.push_back(Event::Ended(id));
        // One that never was in a description has nothing to negotiate.
        let unknown = self.transceiver(id).is_some_and(|one| one.link.mid.is_none());
        if unknown && self.signaling_state() == SignalingState::Stable {
            self.session.transceivers.retain(|one| one.id != id);
        }
        self.update_needed();
        Ok(())
    }

    /// Sets which codecs a transceiver's section has, by preference; payload types do not count. None goes back to the
    /// capabilities.
    pub fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: &[Codec],
    ) -> Result<(), TransceiverError> {
        self.open()?;
        let kind = self.find(id)?.kind;
        let capabilities = &self.config.capabilities(kind).codecs;
        let known = |codec: &Codec| capabilities.iter().any(|able| codecs::is_the_same(&able.codec, codec));
        if !codecs.iter().all(known) || (!codecs.is_empty() && !codecs::has_media(codecs)) {
            return Err(TransceiverError::UnsupportedCodec);
        }
        let mut preferences: Vec<Codec> = Vec::new();
        for codec in codecs {
            let again = preferences.iter().any(|one| codecs::is_the_same(one, codec));
            preferences.extend((!again).then(|| codec.clone()));
        }
        self.find(id)?.preferences = preferences;
        Ok(())
    }

    /// The parameters of a transceiver's sender, to be changed and handed to [`set_parameters`](Self::set_parameters).
    pub fn parameters(&mut self, id: TransceiverId) -> Result<Parameters, TransceiverError> {
        let transaction_id = self.names.transaction();
        let cname = self.cname.clone();
        let one = self.find(id)?;
        one.sender.transaction = Some(transaction_id);
        Ok(Parameters {
            transaction_id,
            encodings: one.sender.encodings.clone(),
            codecs: one.link.send_codecs.clone(),
            header_extensions: one.link.extensions.clone(),
            cname,
            reduced_size: one.link.reduced_size,
        })
    }

    /// Changes what a transceiver's sender does, without a negotiation.
    pub fn set_parameters(
        &mut self,
        id: TransceiverId,
        parameters: Parameters,
    ) -> Result<(), TransceiverError> {
        let cname = self.cname.clone();
        let one = self.active(id)?;
        if one.sender.transaction != Some(parameters.transaction_id) {
            return Err(TransceiverError::Transaction);
        }
        let rids =
            |encodings: &[Encoding]| -> Vec<_> { encodings.iter().map(|one| one.rid.clone()).collect() };
        let same = rids(&parameters.encodings) == rids(&one.sender.encodings)
            && parameters.codecs == one.link.send_codecs
            && parameters.header_extensions == one.link.extensions
            && parameters.cname == cname
            && parameters.reduced_size == one.link.reduced_size;
        if !same {
            return Err(TransceiverError::Modified);
        }
        checked_scales(&parameters.encodings)?;
        one.sender.transaction = None;
        one.sender.encodings = parameters.encodings;
        Ok(())
    }

    fn open(&self) -> Result<(), TransceiverError> {
        if self.signaling_state() == SignalingState::Closed { Err(TransceiverError::Closed) } else { Ok(()) }
    }

    fn able(&self, kind: TrackKind) -> Result<(), TransceiverError> {
        self.open()?;
        let able = self.config.capabilities(kind).is_usable();
        if able { Ok(()) } else { Err(TransceiverError::UnsupportedKind) }
    }

    fn find(&mut self, id: TransceiverId) -> Result<&mut Transceiver, TransceiverError> {
        self.session.transceiver_mut(id).ok_or(TransceiverError::Unknown)
    }

    fn active(&mut self, id: TransceiverId) -> Result<&mut Transceiver, TransceiverError> {
        let one = self.find(id)?;
        if one.life == Life::Active { Ok(one) } else { Err(TransceiverError::Stopped) }
    }
}

fn unique(streams: &[Text]) -> Vec<Text> {
    let mut once: Vec<Text> = Vec::new();
    for stream in streams {
        once.extend((!once.contains(stream)).then(|| stream.clone()));
    }
    once
}

/// W3C, "addTransceiver sendEncodings validation steps".
fn checked_encodings(
    kind: TrackKind,
    mut encodings: Vec<Encoding>,
    max: usize,
) -> Result<Vec<Encoding>, TransceiverError> {
    if encodings.is_empty() {
        return Ok(vec![Encoding::default()]);
    }
    if encodings.len() > 1 || encodings.iter().any(|encoding| encoding.rid.is_some()) {
        checked_rids(encodings.iter().map(|encoding| encoding.rid.as_ref()))?;
    }
    checked_scales(&encodings)?;
    encodings.truncate(max.max(1));
    if let [only] = encodings.as_mut_slice() {
        only.rid = only.rid.take().filter(|_| max > 1);
    }
    let last = i32::try_from(encodings.len()).unwrap_or(i32::MAX).saturating_sub(1);
    let unscaled = encodings.iter().all(|encoding| encoding.scale_resolution_down_by.is_none());
    for (index, encoding) in (0i32..).zip(&mut encodings) {
        let power = if unscaled { last.saturating_sub(index) } else { 0 };
        let scale = encoding.scale_resolution_down_by.unwrap_or_else(|| f64::from(power).exp2());
        encoding.scale_resolution_down_by = (kind == TrackKind::Video).then_some(scale);
    }
    Ok(encodings)
}

fn checked_rids<'e>(rids: impl Iterator<Item = Option<&'e Text>>) -> Result<(), TransceiverError> {
    let mut seen: Vec<&Text> = Vec::new();
    for rid in rids {
        let rid = rid.ok_or(TransceiverError::Rid)?;
        let fits = (1..=MAX_RID).contains(&rid.len()) && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits || seen.contains(&rid) {
            return Err(TransceiverError::Rid);
        }
        seen.push(rid);
    }
    Ok(())
}

fn checked_scales(encodings: &[Encoding]) -> Result<(), TransceiverError> {
    let fits = |encoding: &Encoding| {
        encoding.scale_resolution_down_by.is_none_or(|scale| scale >= 1.0)
            && encoding.max_framerate.is_none_or(|rate| rate >= 0.0)
    };
    if encodings.iter().all(fits) { Ok(()) } else { Err(TransceiverError::Scale) }
}
