//! How long it takes to connect: what of the bench's table is as it should be.

use crate::timing::rows;

#[test]
fn the_first_pair_works_and_is_nominated_within_the_round_trips_that_it_should_take() {
    let [host_to_host, port_restricted, lossy, relayed] = rows(500);
    for row in [host_to_host, port_restricted, relayed] {
        assert!(row.both_valid <= row.wanted.0, "{}: {row:?}", row.name);
        assert!(row.nominated <= row.wanted.1, "{}: {row:?}", row.name);
    }
    assert!(lossy.first_valid <= lossy.wanted.0 && lossy.nominated <= lossy.wanted.1, "{lossy:?}");
    for row in [host_to_host, port_restricted, lossy, relayed] {
        assert!(row.first_valid <= row.both_valid && row.both_valid <= row.nominated, "{row:?}");
    }
    assert!(lossy.nominated > host_to_host.nominated, "something was lost");
}
