//! TURN servers as the command line names them.

use duologue::ice::TurnServer;
use duologue::stun::auth::Credentials;
use duologue::stun::uri::{Host, Protocol, Uri};
use std::net::{SocketAddr, ToSocketAddrs as _};

/// A server of `URI,USER,PASSWORD[,ADDRESS]`. A name is looked up unless its address follows; the certificate has to have it
/// all the same.
pub(crate) fn parse(text: &str) -> Result<TurnServer, String> {
    let mut parts = text.split(',');
    let (Some(uri), Some(username), Some(password), address, None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("URI,USER,PASSWORD and perhaps ,ADDRESS are what is wanted".into());
    };
    let uri: Uri = uri.parse().map_err(|error| format!("{error}"))?;
    if !uri.scheme.is_turn() {
        return Err("the scheme is neither turn: nor turns:".into());
    }
    let address = match address {
        Some(address) => address.parse().map_err(|_| "the address is no IP:PORT")?,
        None => look_up(&uri)?,
    };
    let (username, password) = (username.to_owned(), password.to_owned());
    let credentials = Some(Credentials::LongTerm { username, password });
    Ok(match (uri.protocol(), &uri.host) {
        (Protocol::Udp, _) => TurnServer::udp(address, credentials),
        (Protocol::Tcp, _) => TurnServer::tcp(address, credentials),
        (Protocol::Tls, Host::Name(name)) => TurnServer::tls(address, name.clone(), credentials),
        (Protocol::Tls, Host::Ip(ip)) => TurnServer::tls(address, ip.to_string(), credentials),
        (Protocol::Dtls, _) => return Err("TURN over DTLS is not built".into()),
    })
}

fn look_up(uri: &Uri) -> Result<SocketAddr, String> {
    match &uri.host {
        Host::Ip(ip) => Ok(SocketAddr::new(*ip, uri.port())),
        Host::Name(name) => {
            let mut found =
                (name.as_str(), uri.port()).to_socket_addrs().map_err(|error| error.to_string())?;
            found.next().ok_or_else(|| format!("{name} has no address"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duologue::ice::Transport;

    fn told(text: &str) -> Option<(SocketAddr, Transport, Option<String>)> {
        let server = parse(text).ok()?;
        Some((server.address, server.transport, server.server_name))
    }

    #[test]
    fn a_server_is_reached_as_its_uri_says() {
        let at = |address: &str| address.parse().ok();
        let udp = told("turn:192.0.2.1,user,pass");
        assert_eq!(udp.map(|one| (Some(one.0), one.1)), Some((at("192.0.2.1:3478"), Transport::Udp)));
        let tcp = told("turn:[2001:db8::1]:80?transport=tcp,user,pass");
        assert_eq!(tcp.map(|one| (Some(one.0), one.1)), Some((at("[2001:db8::1]:80"), Transport::Tcp)));
        let tls = told("turns:turn.example.org,user,pass,192.0.2.1:443");
        let name = Some("turn.example.org".to_owned());
        assert_eq!(
            tls.map(|one| (Some(one.0), one.1, one.2)),
            Some((at("192.0.2.1:443"), Transport::Tls, name))
        );
    }

    #[test]
    fn what_is_no_turn_server_is_refused() {
        for text in ["", "turn:192.0.2.1", "turn:192.0.2.1,user", "stun:192.0.2.1,user,pass"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("turn:192.0.2.1,user,pass,nowhere").is_err());
        assert!(parse("turns:192.0.2.1?transport=udp,user,pass").is_err());
    }
}
