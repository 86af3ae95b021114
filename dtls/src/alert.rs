//! Alerts (RFC 5246, Section 7.2).

use crate::wire::{DecodeError, Reader};

/// What an alert says; values that are not named here are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

impl AlertDescription {
    /// The sender will send nothing more.
    pub const CLOSE_NOTIFY: Self = Self(0);
    /// A message was out of its order.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    /// No acceptable set of parameters.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// The certificate is missing, corrupt or not the one expected.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// The certificate's type is not supported.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// A field was out of range or inconsistent with others.
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    /// A message could not be decoded.
    pub const DECODE_ERROR: Self = Self(50);
    /// A signature or a Finished message did not verify.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// The version is not supported.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// Something failed that is not the peer's fault.
    pub const INTERNAL_ERROR: Self = Self(80);
    /// The handshake was given up for a reason that is no failure of the protocol.
    pub const USER_CANCELED: Self = Self(90);
    /// Renegotiation is refused.
    pub const NO_RENEGOTIATION: Self = Self(100);
    /// An extension that was not asked for.
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);

    /// The name in the RFC, or `unknown`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown",
        }
    }
}

/// An alert as it stands in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Whether the sender ends the connection by it.
    pub fatal: bool,
    /// What it says.
    pub description: AlertDescription,
}

impl Alert {
    pub(crate) fn fatal(description: AlertDescription) -> Self {
        Self { fatal: true, description }
    }

    pub(crate) fn warning(description: AlertDescription) -> Self {
        Self { fatal: false, description }
    }

    /// Reads the content of an alert record.
    ///
    /// # Errors
    /// Anything but two bytes with a level of 1 or 2.
    pub fn parse(content: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(content);
        let fatal = match reader.u8("alert level")? {
            1 => false,
            2 => true,
            _ => return Err(DecodeError::new("alert level")),
        };
        let description = AlertDescription(reader.u8("alert description")?);
        reader.finish("alert")?;
        Ok(Self { fatal, description })
    }

    pub(crate) fn to_bytes(self) -> [u8; 2] {
        [if self.fatal { 2 } else { 1 }, self.description.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_round_trips_and_no_other_length_parses() {
        let alert = Alert::fatal(AlertDescription::BAD_CERTIFICATE);
        assert_eq!(alert.to_bytes(), [2, 42]);
        assert_eq!(Alert::parse(&alert.to_bytes()), Ok(alert));
        for wrong in [&[][..], &[2], &[2, 42, 0], &[3, 42], &[0, 42]] {
            assert!(Alert::parse(wrong).is_err());
        }
    }
}
