//! The attributes of TURN, of long-term and third-party credentials, and of the discovery of NAT behaviour.

use std::net::SocketAddr;

use super::Writer;
use crate::address;
use crate::attribute::{AddressFamily, AttributeType, ChannelNumber, ErrorCode, PasswordAlgorithm};

impl Writer<'_> {
    /// USERNAME as one string, as long-term credentials have it.
    pub fn user(self, username: &[u8]) -> Self {
        self.attribute(AttributeType::USERNAME, username)
    }

    /// USERHASH in place of USERNAME.
    pub fn userhash(self, hash: &[u8; 32]) -> Self {
        self.fixed(AttributeType::USERHASH, *hash)
    }

    /// REALM.
    pub fn realm(self, realm: &[u8]) -> Self {
        self.attribute(AttributeType::REALM, realm)
    }

    /// NONCE.
    pub fn nonce(self, nonce: &[u8]) -> Self {
        self.attribute(AttributeType::NONCE, nonce)
    }

    /// SOFTWARE.
    pub fn software(self, software: &[u8]) -> Self {
        self.attribute(AttributeType::SOFTWARE, software)
    }

    /// PASSWORD-ALGORITHM without parameters, as both that there are have none.
    pub fn password_algorithm(self, algorithm: PasswordAlgorithm) -> Self {
        let [high, low] = algorithm.0.to_be_bytes();
        self.fixed(AttributeType::PASSWORD_ALGORITHM, [high, low, 0, 0])
    }

    /// PASSWORD-ALGORITHMS, first the one liked best, without parameters.
    pub fn password_algorithms(self, algorithms: &[PasswordAlgorithm]) -> Self {
        let writer = self.head(AttributeType::PASSWORD_ALGORITHMS, algorithms.len().saturating_mul(4));
        if writer.fits {
            for algorithm in algorithms {
                let [high, low] = algorithm.0.to_be_bytes();
                writer.out.extend_from_slice(&[high, low, 0, 0]);
            }
        }
        writer
    }

    /// ACCESS-TOKEN.
    pub fn access_token(self, token: &[u8]) -> Self {
        self.attribute(AttributeType::ACCESS_TOKEN, token)
    }

    /// THIRD-PARTY-AUTHORIZATION with the server's name.
    pub fn third_party_authorization(self, server_name: &[u8]) -> Self {
        self.attribute(AttributeType::THIRD_PARTY_AUTHORIZATION, server_name)
    }

    /// ALTERNATE-SERVER.
    pub fn alternate_server(self, address: SocketAddr) -> Self {
        self.plain_address(AttributeType::ALTERNATE_SERVER, address)
    }

    /// ALTERNATE-DOMAIN.
    pub fn alternate_domain(self, domain: &[u8]) -> Self {
        self.attribute(AttributeType::ALTERNATE_DOMAIN, domain)
    }

    /// CHANNEL-NUMBER.
    pub fn channel_number(self, channel: ChannelNumber) -> Self {
        let [high, low] = channel.get().to_be_bytes();
        self.fixed(AttributeType::CHANNEL_NUMBER, [high, low, 0, 0])
    }

    /// LIFETIME, in seconds.
    pub fn lifetime(self, seconds: u32) -> Self {
        self.fixed(AttributeType::LIFETIME, seconds.to_be_bytes())
    }

    /// XOR-PEER-ADDRESS.
    pub fn xor_peer_address(self, address: SocketAddr) -> Self {
        self.masked_address(AttributeType::XOR_PEER_ADDRESS, address)
    }

    /// XOR-RELAYED-ADDRESS.
    pub fn xor_relayed_address(self, address: SocketAddr) -> Self {
        self.masked_address(AttributeType::XOR_RELAYED_ADDRESS, address)
    }

    /// DATA.
    pub fn data(self, data: &[u8]) -> Self {
        self.attribute(AttributeType::DATA, data)
    }

    /// REQUESTED-ADDRESS-FAMILY.
    pub fn requested_address_family(self, family: AddressFamily) -> Self {
        self.fixed(AttributeType::REQUESTED_ADDRESS_FAMILY, [family.0, 0, 0, 0])
    }

    /// ADDITIONAL-ADDRESS-FAMILY.
    pub fn additional_address_family(self, family: AddressFamily) -> Self {
        self.fixed(AttributeType::ADDITIONAL_ADDRESS_FAMILY, [family.0, 0, 0, 0])
    }

    /// ADDRESS-ERROR-CODE with the phrase that [`ErrorCode::reason`] gives.
    pub fn address_error_code(self, family: AddressFamily, code: ErrorCode) -> Self {
        let head = [family.0, 0];
        self.joined(AttributeType::ADDRESS_ERROR_CODE, &[&head, &code.write(), code.reason().as_bytes()])
    }

    /// EVEN-PORT; `reserve` asks for the next higher port to be kept.
    pub fn even_port(self, reserve: bool) -> Self {
        self.attribute(AttributeType::EVEN_PORT, &[u8::from(reserve) << 7])
    }

    /// REQUESTED-TRANSPORT with the number of the protocol; 17 is UDP.
    pub fn requested_transport(self, protocol: u8) -> Self {
        self.fixed(AttributeType::REQUESTED_TRANSPORT, [protocol, 0, 0, 0])
    }

    /// DONT-FRAGMENT.
    pub fn dont_fragment(self) -> Self {
        self.fixed(AttributeType::DONT_FRAGMENT, [])
    }

    /// RESERVATION-TOKEN.
    pub fn reservation_token(self, token: [u8; 8]) -> Self {
        self.fixed(AttributeType::RESERVATION_TOKEN, token)
    }

    /// ICMP: type, code, and the next link's MTU in bytes if the two say that a datagram was too big.
    pub fn icmp(self, kind: u8, code: u8, data: u32) -> Self {
        let [d0, d1, d2, d3] = data.to_be_bytes();
        self.fixed(AttributeType::ICMP, [0, 0, kind, code, d0, d1, d2, d3])
    }

    /// CHANGE-REQUEST: the answer shall come from the other IP address, from the other port, or both.
    pub fn change_request(self, ip: bool, port: bool) -> Self {
        self.fixed(AttributeType::CHANGE_REQUEST, [0, 0, 0, u8::from(ip) << 2 | u8::from(port) << 1])
    }

    /// RESPONSE-ORIGIN.
    pub fn response_origin(self, address: SocketAddr) -> Self {
        self.plain_address(AttributeType::RESPONSE_ORIGIN, address)
    }

    /// OTHER-ADDRESS.
    pub fn other_address(self, address: SocketAddr) -> Self {
        self.plain_address(AttributeType::OTHER_ADDRESS, address)
    }

    /// RESPONSE-PORT.
    pub fn response_port(self, port: u16) -> Self {
        let [high, low] = port.to_be_bytes();
        self.fixed(AttributeType::RESPONSE_PORT, [high, low, 0, 0])
    }

    /// PADDING of `len` zero bytes.
    pub fn padding(self, len: usize) -> Self {
        let mut writer = self.head(AttributeType::PADDING, len);
        if writer.fits {
            let end = writer.out.len() + len;
            writer.out.resize(end, 0);
            writer.pad();
        }
        writer
    }

    pub(super) fn masked_address(self, attribute: AttributeType, address: SocketAddr) -> Self {
        let masked = address::xor(address, self.id());
        self.plain_address(attribute, masked)
    }

    fn plain_address(self, attribute: AttributeType, address: SocketAddr) -> Self {
        let (value, len) = address::encode(address);
        self.attribute(attribute, value.get(..len).unwrap_or_default())
    }
}
