//! RTCP: its packets, the rules of their compounds, when to send them, and what is computed from them.
//!
//! Views borrow the received bytes and were checked when they were parsed: their iterators cannot fail. Writers append to a
//! caller's buffer. Nothing here reads a clock; [`Schedule`] alone has a notion of time, and is told it.

mod app;
mod bye;
mod clock_mapping;
mod compound;
mod congestion_control_feedback;
mod fir;
mod header;
mod lrr;
mod nack;
mod ntp;
mod packet;
mod pli;
mod receiver_report;
mod remb;
mod report_block;
mod round_trip;
mod rpsi;
mod schedule;
mod sdes;
mod sender_report;
mod sli;
mod tmmbr;
mod transport_feedback;
mod xr;

pub use app::App;
pub use bye::Bye;
pub use clock_mapping::ClockMapping;
pub use compound::{Compound, Source};
pub use congestion_control_feedback::{
    ArrivalTimeOffset, CongestionControlFeedback, CongestionControlFeedbackWriter, PacketMetric,
    StreamFeedback,
};
pub use fir::{Fir, FirEntry};
pub use header::Discard;
pub use lrr::{LayerId, Lrr, LrrEntry};
pub use nack::Nack;
pub use ntp::{NtpShort, NtpTime};
pub use packet::{Packet, Packets, Unknown, check_compound, packets};
pub use pli::Pli;
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::{MAX_REPORT_BLOCKS, ReportBlock};
pub use round_trip::round_trip;
pub use rpsi::Rpsi;
pub use schedule::{Due, Early, Profile, Schedule, ScheduleConfig};
pub use sdes::{Sdes, SdesChunk, SdesChunks, SdesItem, SdesItemType, SdesItems};
pub use sender_report::{SenderInfo, SenderReport};
pub use sli::{Sli, SliEntry};
pub use tmmbr::{Tmmbn, Tmmbr, TmmbrEntry};
pub use transport_feedback::{
    ArrivalTime, PacketStatus, PacketStatuses, Reported, TransportFeedback, TransportFeedbackHeader,
};
pub use xr::{Dlrr, DlrrEntry, Xr, XrBlock, XrBlocks};
