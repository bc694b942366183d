//! HyperLogLogs against an array of registers, and strings no server wrote.

use super::*;

const SPARSE_MAX: usize = 3000;

fn values(hll: &[u8]) -> Vec<u8> {
    let mut registers = Registers::default();
    registers.merge(hll).unwrap();
    registers.values().to_vec()
}

fn with_runs(runs: &[u8]) -> Vec<u8> {
    let mut hll = empty();
    hll.truncate(HEADER_BYTES);
    hll.extend_from_slice(runs);
    hll
}

#[test]
fn registers_behave_as_an_array() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for sparse_max in [0, 18, 60, 300, SPARSE_MAX, 20_000] {
        let (mut hll, mut model) = (empty(), vec![0u8; REGISTERS]);
        for step in 0..4000 {
            let index = if rng.bool() { rng.usize(..80) } else { rng.usize(..REGISTERS) };
            let value = if rng.u32(..500) == 0 { rng.u8(1..51) } else { rng.u8(1..5) };
            let raised = raise(&mut hll, index, value, sparse_max, &mut Place::start()).unwrap();
            assert_eq!(raised, model[index] < value);
            model[index] = model[index].max(value);
            assert!(is_hyperloglog(&hll));
            assert!(!is_sparse(&hll) || hll.len() <= sparse_max.max(18));
            if step % 100 == 0 {
                assert_eq!(values(&hll), model);
                let mut dense = hll.clone();
                make_dense(&mut dense).unwrap();
                assert_eq!((values(&dense), count(&dense)), (model.clone(), count(&hll)));
            }
        }
        assert_eq!(values(&hll), model);
    }
}

#[test]
fn raising_in_order_makes_the_bytes_of_single_additions() {
    let mut rng = fastrand::Rng::with_seed(7);
    for count in [1, 10, 200, 600, 3000] {
        let (mut base, mut registers) = (empty(), Registers::default());
        for _ in 0..count {
            let (index, value) = (rng.usize(..REGISTERS), rng.u8(1..4));
            registers.0[index] = value;
            registers.0[(index + 1) % REGISTERS] = value;
            raise(&mut base, rng.usize(..REGISTERS), rng.u8(1..4), SPARSE_MAX, &mut Place::start()).unwrap();
        }
        let (mut at_once, mut one_by_one) = (base.clone(), base);
        registers.raise_in(&mut at_once, SPARSE_MAX).unwrap();
        for (index, value) in registers.values().iter().enumerate().filter(|(_, value)| **value != 0) {
            raise(&mut one_by_one, index, *value, SPARSE_MAX, &mut Place::start()).unwrap();
        }
        assert!(at_once == one_by_one, "{count}");
    }
}

#[test]
fn estimates_are_near_the_truth_in_both_encodings() {
    assert_eq!(count(&empty()), Ok(0));
    self_test(&mut fastrand::Rng::with_seed(5), SPARSE_MAX).unwrap();
}

#[test]
fn the_cache_is_valid_until_something_changes() {
    let mut hll = empty();
    assert_eq!(cached(&hll), Some(0));
    set_cached(&mut hll, 77);
    assert_eq!(cached(&hll), Some(77));
    assert_eq!(add(&mut hll, b"a", SPARSE_MAX), Ok(true));
    assert_eq!(cached(&hll), None);
    set_cached(&mut hll, 1);
    assert_eq!(add(&mut hll, b"a", SPARSE_MAX), Ok(false));
    assert_eq!(cached(&hll), Some(1));
    assert_eq!(make_dense(&mut hll), Ok(true));
    assert_eq!((cached(&hll), count(&hll), make_dense(&mut hll)), (Some(1), Ok(1), Ok(false)));
}

/// Runs that claim more registers than there are once led to writes outside the dense form.
#[test]
fn runs_beyond_the_registers_are_refused_and_change_nothing() {
    let mut rng = fastrand::Rng::with_seed(11);
    let long = vec![0x7f; 400_000];
    let values = vec![0x83; 5000];
    let nearly = [&[0x7f, 0xfe][..], &[0x81]].concat();
    let tests: [&[u8]; 8] = [&[], &[0], &[0x7f], &[0x7f, 0xfe], &long, &values, &nearly, &[0x7f, 0xff, 0x80]];
    for runs in tests {
        let hll = with_runs(runs);
        assert!(is_hyperloglog(&hll) && !is_sound(&hll));
        assert_eq!(count(&hll), Err(Corrupt));
        assert_eq!(Registers::default().merge(&hll), Err(Corrupt));
        let mut dense = hll.clone();
        assert_eq!(make_dense(&mut dense), Err(Corrupt));
        assert!(dense == hll);
        describe_runs(&hll);
        for sparse_max in [0, SPARSE_MAX] {
            for value in [1, 32, 33, 50] {
                let mut raised = hll.clone();
                let index = rng.usize(..REGISTERS);
                let _ = raise(&mut raised, index, value, sparse_max, &mut Place::start());
                assert!(is_hyperloglog(&raised));
            }
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..3000 {
        let mut hll = if rng.bool() { empty() } else { with_runs(&[]) };
        if rng.u32(..4) == 0 {
            for _ in 0..rng.usize(..900) {
                let _ = add(&mut hll, &rng.u64(..).to_le_bytes(), SPARSE_MAX);
            }
        }
        let wanted = if rng.u32(..4) == 0 { DENSE_BYTES } else { hll.len() + rng.usize(..40) };
        while hll.len() < wanted {
            hll.push(rng.u8(..));
        }
        for _ in 0..rng.usize(..5) {
            let at = rng.usize(..hll.len());
            hll[at] = rng.u8(..);
        }
        hll.truncate(rng.usize(..=hll.len()));
        if !is_hyperloglog(&hll) {
            continue;
        }
        let sound = is_sound(&hll);
        assert_eq!(count(&hll).is_ok(), sound);
        assert_eq!(Registers::default().merge(&hll).is_ok(), sound);
        describe_runs(&hll);
        for _ in 0..20 {
            let sparse_max = rng.usize(..100);
            let (before, result) = (hll.clone(), add(&mut hll, &rng.u64(..).to_le_bytes(), sparse_max));
            assert!(result.is_ok() || before == hll);
            assert!(!sound || result.is_ok());
            assert!(is_hyperloglog(&hll));
        }
    }
}

#[test]
fn a_dense_one_of_registers_no_hash_fills_has_an_estimate() {
    let mut hll = empty();
    make_dense(&mut hll).unwrap();
    hll[HEADER_BYTES..].fill(0xff);
    assert_eq!(count(&hll), Ok(1 << 63));
}

#[test]
fn the_hash_is_that_of_the_reference() {
    // Elements of the lengths around a word, with the runs a reference server answered.
    let mut hll = empty();
    for element in ["", "a", "foo", "1234567", "12345678", "123456789"] {
        add(&mut hll, element.as_bytes(), SPARSE_MAX).unwrap();
    }
    assert_eq!(describe_runs(&hll), REFERENCE_RUNS);
}

const REFERENCE_RUNS: &str = "Z:5938 v:2,1 Z:1409 v:5,1 Z:1944 v:2,1 Z:1033 v:3,1 Z:251 v:3,1 Z:2131 v:2,1 Z:3672";
