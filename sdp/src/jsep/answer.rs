//! Creates answers (RFC 8829, Section 5.3).

use super::offer::Writer;
use super::section::{DtlsRole, Session};
use crate::session::SessionDescription;
use crate::transport::Setup;

/// The answer to the offer that made `session`: as many sections, those that are not used rejected.
pub(crate) fn create(writer: &Writer<'_>, session: &Session) -> SessionDescription {
    // RFC 8842, Section 5.3: an answer says which role we take.
    let setup = match session.role {
        Some(DtlsRole::Server) => Setup::Passive,
        Some(DtlsRole::Client) | None => Setup::Active,
    };
    let with_tls_id = session.remote.as_ref().is_some_and(|remote| remote.tls_id.is_some());
    writer.description(&session.sections, setup, with_tls_id, session.bundled)
}
