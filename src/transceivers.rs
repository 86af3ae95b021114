//! Transceivers, as the browser's API has them.

use crate::peer_connection::PeerConnection;
use duologue_sdp::jsep::{
    Parameters, TrackKind, Transceiver, TransceiverError, TransceiverId, TransceiverInit,
};
use duologue_sdp::{Codec, Direction, Text};

impl PeerConnection {
    /// Every transceiver that is not gone, in the order in which they were added.
    pub fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.signalling.negotiator.transceivers()
    }

    /// A transceiver; `None` when it is another connection's, or gone.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.signalling.negotiator.transceiver(id)
    }

    /// Adds a transceiver; the next offer has a section for it.
    pub fn add_transceiver(
        &mut self,
        kind: TrackKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.negotiator().add_transceiver(kind, init)
    }

    /// Sends a track, named by the caller and put into `streams`: on a transceiver that has sent nothing yet, or on a new
    /// one.
    pub fn add_track(
        &mut self,
        kind: TrackKind,
        track: impl Into<Text>,
        streams: &[Text],
    ) -> Result<TransceiverId, TransceiverError> {
        self.negotiator().add_track(kind, track, streams)
    }

    /// Stops sending a transceiver's track, until another one is added.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.negotiator().remove_track(id)
    }

    /// Sends another track in the place of a transceiver's, or none; nothing is negotiated.
    pub fn replace_track(&mut self, id: TransceiverId, track: Option<Text>) -> Result<(), TransceiverError> {
        self.negotiator().replace_track(id, track)
    }

    /// Puts a transceiver's track into other streams.
    pub fn set_streams(&mut self, id: TransceiverId, streams: &[Text]) -> Result<(), TransceiverError> {
        self.negotiator().set_streams(id, streams)
    }

    /// Sets what a transceiver is wanted to do.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        self.negotiator().set_direction(id, direction)
    }

    /// Ends a transceiver; its section becomes free with the next offer.
    ///
    /// Browsers built on libwebrtc give up the whole transport when the first section of the bundle is rejected, and begin
    /// another under the same credentials, which no peer can follow: the connection then ends. Towards them, let the first
    /// section be one that stays (data channels, or a transceiver that becomes `inactive` instead).
    pub fn stop(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.negotiator().stop(id)
    }

    /// Sets which of the configuration's codecs a transceiver's section has, by preference; none goes back to all.
    pub fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: &[Codec],
    ) -> Result<(), TransceiverError> {
        self.negotiator().set_codec_preferences(id, codecs)
    }

    /// The parameters of a transceiver's sender, to be changed and handed to [`set_parameters`](Self::set_parameters).
    pub fn parameters(&mut self, id: TransceiverId) -> Result<Parameters, TransceiverError> {
        self.negotiator().parameters(id)
    }

    /// Changes what a transceiver's sender does, without a negotiation.
    pub fn set_parameters(
        &mut self,
        id: TransceiverId,
        parameters: Parameters,
    ) -> Result<(), TransceiverError> {
        self.negotiator().set_parameters(id, parameters)?;
        // Encodings pause and go on without a negotiation.
        self.media.update(self.now, &self.signalling.negotiator);
        Ok(())
    }
}
