//! Tests of the pace, on a simulated clock.

use super::*;

const CONCURRENCY: usize = 8;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn pace(rate: Option<f64>) -> Pace {
    Pace::new(PaceSettings { rate, concurrency: CONCURRENCY }, Duration::from_secs(1))
}

/// Takes every permit that is available now.
fn drain(pace: &mut Pace, now: Duration) -> Vec<Permit> {
    std::iter::from_fn(|| pace.take(now).ok()).collect()
}

fn hear(pace: &mut Pace, signal: Signal, now: f64) -> Option<Duration> {
    let permit = pace.take(at(now)).unwrap();
    pace.learn(permit, signal, None, at(now))
}

#[test]
fn promise_8_concurrency_begins_at_one_and_grows_while_all_is_accepted() {
    let mut pace = pace(None);
    let mut sizes = Vec::new();
    for round in 0..6 {
        let out = drain(&mut pace, at(f64::from(round)));
        sizes.push(out.len());
        for permit in out {
            assert_eq!(pace.learn(permit, Signal::Accepted, None, at(f64::from(round))), None);
        }
    }
    assert_eq!(sizes, [1, 4, 8, 8, 8, 8]);
}

#[test]
fn promise_8_it_halves_on_429_503_and_silence_once_for_all_that_was_out() {
    for bad in [Signal::Limited(None), Signal::Unavailable(None), Signal::Silence] {
        let mut pace = pace(None);
        pace.limit = 8.0;
        for permit in drain(&mut pace, at(1.0)) {
            pace.learn(permit, bad, None, at(2.0));
        }
        assert_eq!(pace.limit(), 4, "{bad:?}");
        for permit in drain(&mut pace, at(3.0)) {
            pace.learn(permit, bad, None, at(4.0));
        }
        assert_eq!(pace.limit(), 2);
        // Above the threshold it grows by one a round.
        for round in 5..8 {
            for permit in drain(&mut pace, at(f64::from(round))) {
                pace.learn(permit, Signal::Accepted, None, at(f64::from(round)));
            }
        }
        assert!((4..=5).contains(&pace.limit()), "{}", pace.limit());
    }
    let mut pace = pace(None);
    hear(&mut pace, Signal::Silence, 1.0);
    assert_eq!(pace.limit(), 1, "never less than one");
}

#[test]
fn a_refusal_says_nothing_about_the_pace() {
    let mut pace = pace(None);
    pace.limit = 3.0;
    hear(&mut pace, Signal::Answered, 1.0);
    assert_eq!(pace.limit(), 3);
}

#[test]
fn promise_9_the_rate_is_kept_by_fresh_writes_and_retries_alike() {
    let mut pace = pace(Some(4.0));
    let mut sent = 0;
    for tick in 0..1000 {
        let now = at(100.0 + f64::from(tick) / 100.0);
        for permit in drain(&mut pace, now) {
            sent += 1;
            pace.learn(permit, Signal::Accepted, None, now);
        }
    }
    assert_eq!(sent, 40, "ten seconds at 4 a second");
    pace.set(PaceSettings { rate: None, concurrency: 2 });
    pace.limit = 2.0;
    assert_eq!(drain(&mut pace, at(111.0)).len(), 2, "a new pace holds at once");
}

#[test]
fn promise_9_a_429_pauses_the_target_and_a_503_only_when_repeated() {
    let mut pace = pace(None);
    assert_eq!(hear(&mut pace, Signal::Limited(Some(at(2.5))), 1.0), Some(at(2.5)));
    assert_eq!(pace.take(at(3.4)).unwrap_err(), Wait::Until(at(3.5)));
    assert_eq!(hear(&mut pace, Signal::Unavailable(Some(at(9.0))), 3.5), None, "one 503 is the write's own");
    assert_eq!(hear(&mut pace, Signal::Answered, 4.0), None);
    assert_eq!(hear(&mut pace, Signal::Unavailable(Some(at(9.0))), 5.0), None, "not in a row");
    assert_eq!(hear(&mut pace, Signal::Unavailable(Some(at(9.0))), 6.0), Some(at(9.0)));
    assert_eq!(pace.take(at(14.0)).unwrap_err(), Wait::Until(at(15.0)));
    assert!(pace.take(at(15.0)).is_ok());
}

#[test]
fn promise_9_a_quota_that_is_nearly_used_up_gives_half_a_second() {
    let mut pace = pace(None);
    pace.limit = 8.0;
    let limits = |remaining, reset| Some(RateLimit { remaining, reset });
    let permit = pace.take(at(1.0)).unwrap();
    assert_eq!(pace.learn(permit, Signal::Accepted, limits(9.0, None), at(1.0)), None);
    assert_eq!(pace.take(at(1.4)).unwrap_err(), Wait::Until(at(1.5)));
    let first = pace.take(at(1.5)).unwrap();
    assert_eq!(pace.take(at(1.5)).unwrap_err(), Wait::Until(at(2.0)), "one each half a second");
    pace.learn(first, Signal::Accepted, limits(10.0, None), at(1.6));
    pace.take(at(2.0)).map(|p| pace.learn(p, Signal::Accepted, limits(100.0, None), at(2.0))).unwrap();
    assert!(drain(&mut pace, at(2.1)).len() > 1, "ten are enough");
}

#[test]
fn promise_9_a_used_up_quota_waits_for_its_reset() {
    let mut pace = pace(None);
    let used_up = |reset| Some(RateLimit { remaining: 0.0, reset });
    let permit = pace.take(at(1.0)).unwrap();
    assert_eq!(pace.learn(permit, Signal::Accepted, used_up(Some(at(7.0))), at(1.0)), Some(at(7.0)));
    assert_eq!(pace.take(at(7.9)).unwrap_err(), Wait::Until(at(8.0)));
    // Without a sane reset, half a second.
    let permit = pace.take(at(8.5)).unwrap();
    assert_eq!(pace.learn(permit, Signal::Accepted, used_up(None), at(8.5)), None);
    assert_eq!(pace.take(at(8.6)).unwrap_err(), Wait::Until(at(9.0)));
    // A 429 without a Retry-After, but with a reset.
    let permit = pace.take(at(9.0)).unwrap();
    assert_eq!(pace.learn(permit, Signal::Limited(None), used_up(Some(at(3.0))), at(9.0)), Some(at(3.0)));
    // A reset that comes sooner does not shorten the spacing: it is given in whole seconds.
    let permit = pace.take(at(12.0)).unwrap();
    let soon = Some(RateLimit { remaining: 4.0, reset: Some(at(0.2)) });
    pace.learn(permit, Signal::Accepted, soon, at(12.0));
    assert_eq!(pace.take(at(12.3)).unwrap_err(), Wait::Until(at(12.5)));
}

#[test]
fn promise_10_connections_that_fail_open_the_circuit_and_one_write_tries_it() {
    let mut pace = pace(None);
    pace.limit = 8.0;
    let permits = drain(&mut pace, at(1.0));
    assert_eq!(permits.len(), 8);
    for permit in permits {
        pace.learn(permit, Signal::NotSent, None, at(1.0));
    }
    assert_eq!(pace.take(at(1.5)).unwrap_err(), Wait::Until(at(2.0)), "five in a row; the other three wait no longer");
    let probe = pace.take(at(2.0)).unwrap();
    assert_eq!(pace.take(at(2.0)).unwrap_err(), Wait::Change, "one alone");
    pace.learn(probe, Signal::NotSent, None, at(2.0));
    assert_eq!(pace.take(at(3.0)).unwrap_err(), Wait::Until(at(4.0)), "twice as long");
    // A write that is not sent after all hands the probe on.
    let probe = pace.take(at(4.0)).unwrap();
    pace.learn(probe, Signal::Nothing, None, at(4.0));
    let probe = pace.take(at(4.0)).unwrap();
    pace.learn(probe, Signal::Answered, None, at(4.0));
    assert_eq!(drain(&mut pace, at(4.0)).len(), 8, "any answer closes it");
    assert!(!pace.is_unreachable());
}

#[test]
fn promise_10_a_target_that_stays_away_is_given_up() {
    let mut pace = pace(None);
    let mut now = 1.0;
    while !pace.is_unreachable() {
        match pace.take(at(now)) {
            Ok(permit) => {
                pace.learn(permit, Signal::NotSent, None, at(now));
            }
            Err(Wait::Until(until)) => now = until.as_secs_f64(),
            Err(Wait::Change) => panic!("nothing is out"),
        }
        assert!(now < 30.0);
    }
    assert!(now > 5.0, "not at the first trouble: {now}");
}

#[test]
fn a_pause_lets_nothing_leave() {
    let mut pace = pace(None);
    pace.pause(true);
    assert_eq!(pace.take(at(1.0)).unwrap_err(), Wait::Change);
    pace.pause(false);
    assert!(pace.take(at(1.0)).is_ok());
}
