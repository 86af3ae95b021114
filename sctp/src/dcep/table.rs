//! The table of channels: by identifier, by stream, and those with events.

use std::collections::{BTreeMap, VecDeque};

use super::channel::{Channel, ChannelCloseReason, ChannelConfig, ChannelId, ChannelState};
use super::event::Event;
use crate::event::StreamId;

/// Slots are used again under a new generation, so that no identifier means two channels.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_stream: BTreeMap<StreamId, u32>,
    with_events: VecDeque<ChannelId>,
}

#[derive(Debug)]
enum Slot {
    Used(Box<Channel>),
    /// The generation that the next channel here gets.
    Free(u32),
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    pub(super) fn insert(&mut self, config: ChannelConfig, stream: Option<StreamId>) -> ChannelId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free(0));
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let generation = match self.slots.get(index as usize) {
            Some(&Slot::Free(generation)) => generation,
            _ => 0,
        };
        if let Some(slot) = self.slots.get_mut(index as usize) {
            *slot = Slot::Used(Box::new(Channel::new(config, generation, stream)));
        }
        if let Some(stream) = stream {
            self.by_stream.insert(stream, index);
        }
        ChannelId { index, generation }
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<&Channel> {
        match self.slots.get(id.index as usize) {
            Some(Slot::Used(channel)) if channel.generation == id.generation => Some(channel),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        match self.slots.get_mut(id.index as usize) {
            Some(Slot::Used(channel)) if channel.generation == id.generation => Some(channel),
            _ => None,
        }
    }

    pub(super) fn by_stream(&self, stream: StreamId) -> Option<ChannelId> {
        let &index = self.by_stream.get(&stream)?;
        match self.slots.get(index as usize) {
            Some(Slot::Used(channel)) => Some(ChannelId { index, generation: channel.generation }),
            _ => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| match slot {
            Slot::Used(channel) => Some((ChannelId { index, generation: channel.generation }, &**channel)),
            Slot::Free(_) => None,
        })
    }

    /// Channels that wait for a stream, oldest first as far as slots were not used again.
    pub(super) fn without_stream(&self) -> Vec<ChannelId> {
        let waiting =
            |channel: &Channel| channel.stream.is_none() && channel.state == ChannelState::Connecting;
        self.iter().filter(|(_, channel)| waiting(channel)).map(|(id, _)| id).collect()
    }

    pub(super) fn set_stream(&mut self, id: ChannelId, stream: StreamId) {
        if let Some(channel) = self.get_mut(id) {
            channel.stream = Some(stream);
            self.by_stream.insert(stream, id.index);
        }
    }

    /// Makes a connecting channel open.
    pub(super) fn open(&mut self, id: ChannelId) {
        if let Some(channel) = self.get_mut(id).filter(|channel| channel.state == ChannelState::Connecting) {
            channel.state = ChannelState::Open;
            channel.pending.opened = true;
            self.queue_events(id);
        }
    }

    pub(super) fn note_low(&mut self, stream: StreamId) {
        let Some(id) = self.by_stream(stream) else { return };
        if let Some(channel) = self.get_mut(id).filter(|channel| channel.state == ChannelState::Open) {
            channel.pending.low = true;
            self.queue_events(id);
        }
    }

    pub(super) fn note_closing(&mut self, id: ChannelId) {
        if let Some(channel) = self.get_mut(id) {
            channel.pending.closing = true;
            self.queue_events(id);
        }
    }

    /// Makes a channel closed: its stream is free, its slot once the event was handed out.
    pub(super) fn close(&mut self, id: ChannelId, reason: ChannelCloseReason) {
        let Some(channel) = self.get_mut(id).filter(|channel| channel.state != ChannelState::Closed) else {
            return;
        };
        channel.state = ChannelState::Closed;
        channel.close_reason = reason;
        let (announced, stream) = (channel.announced, channel.stream);
        channel.pending.closed = true;
        if let Some(stream) = stream {
            self.by_stream.remove(&stream);
        }
        if announced {
            self.queue_events(id);
        } else {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: ChannelId) {
        if let Some(slot) = self.slots.get_mut(id.index as usize) {
            // A slot whose generations are used up is never used again.
            if let Some(next) = id.generation.checked_add(1) {
                *slot = Slot::Free(next);
                self.free.push(id.index);
            }
        }
    }

    fn queue_events(&mut self, id: ChannelId) {
        if let Some(channel) = self.get_mut(id).filter(|channel| channel.announced && !channel.pending.queued)
        {
            channel.pending.queued = true;
            self.with_events.push_back(id);
        }
    }

    /// The next event of a channel, in the order of its life.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        while let Some(&id) = self.with_events.front() {
            if let Some(channel) = self.get_mut(id) {
                let reason = channel.close_reason;
                let incoming = channel.opened_by_peer;
                let pending = &mut channel.pending;
                if std::mem::take(&mut pending.opened) {
                    return Some(if incoming { Event::Incoming(id) } else { Event::Opened(id) });
                }
                if std::mem::take(&mut pending.low) && !pending.closed {
                    return Some(Event::BufferedAmountLow(id));
                }
                if std::mem::take(&mut pending.closing) {
                    return Some(Event::Closing(id));
                }
                pending.queued = false;
                if std::mem::take(&mut pending.closed) {
                    self.with_events.pop_front();
                    self.remove(id);
                    return Some(Event::Closed(id, reason));
                }
            }
            self.with_events.pop_front();
        }
        None
    }
}
