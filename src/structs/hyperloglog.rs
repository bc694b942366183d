//! HyperLogLog: 16384 registers that estimate how many different elements were added, in the very bytes of Redis, since
//! a HyperLogLog is a string that clients read, store and exchange.
//!
//! Layout: `HYLL`, a byte for the encoding (0 dense, 1 sparse), three that are not used, eight for the cached estimate
//! (little endian; the top bit set means it is out of date), then the registers. Dense: six bits each, the lowest bits of
//! a byte first. Sparse: runs, `00xxxxxx` of 1 to 64 zeros, `01xxxxxx yyyyyyyy` of 1 to 16384 zeros, `1vvvvvxx` of 1 to 4
//! registers of value 1 to 32. A register is raised in place: the run around it is split, and neighbours of equal value
//! are merged over the next five runs only, so that the bytes are those Redis would write.
//!
//! The bytes come from clients. Promises: no bytes make a function here panic or write outside the registers; runs that
//! do not add up to 16384 registers are refused as [`Corrupt`], and a refused string is unchanged.

#[cfg(test)]
mod tests;

/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bytes before the registers.
pub const HEADER_BYTES: usize = 16;
/// Bytes of a dense HyperLogLog.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * 6 / 8;

/// Bits of the hash that choose the register.
const INDEX_BITS: u32 = 14;
/// Bits of the hash that are left for the run of zeros.
const RUN_BITS: usize = 64 - INDEX_BITS as usize;
const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The largest value and longest run of a sparse run of values.
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
/// The longest run of zeros in one byte.
const SHORT_ZEROS_MAX: usize = 64;

/// Runs of a sparse HyperLogLog that are not 16384 registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// An empty HyperLogLog, sparse, with a valid estimate of 0.
pub fn empty() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 16);
    bytes.extend_from_slice(MAGIC);
    bytes.resize(HEADER_BYTES, 0);
    bytes[ENCODING_AT] = SPARSE;
    bytes.extend_from_slice(&zeros(REGISTERS).1);
    bytes
}

/// Whether a string has the form of a HyperLogLog; the runs of a sparse one are not looked at. O(1).
pub fn is_hyperloglog(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES
        && bytes.starts_with(MAGIC)
        && match bytes[ENCODING_AT] {
            DENSE => bytes.len() == DENSE_BYTES,
            encoding => encoding == SPARSE,
        }
}

/// Whether a HyperLogLog is sparse.
pub fn is_sparse(hll: &[u8]) -> bool {
    hll[ENCODING_AT] == SPARSE
}

/// The cached estimate, unless it is out of date.
pub fn cached(hll: &[u8]) -> Option<u64> {
    let cache = u64::from_le_bytes(*hll[CACHE_AT..].first_chunk()?);
    (cache >> 63 == 0).then_some(cache)
}

/// Stores an estimate.
pub fn set_cached(hll: &mut [u8], estimate: u64) {
    hll[CACHE_AT..HEADER_BYTES].copy_from_slice(&estimate.to_le_bytes());
}

/// Marks the cached estimate as out of date.
pub fn invalidate(hll: &mut [u8]) {
    hll[HEADER_BYTES - 1] |= 0x80;
}

/// Adds an element; whether a register was raised. A sparse HyperLogLog that would be longer than `sparse_max_bytes`
/// becomes dense. O(1), sparse O(n). Errors: corrupt runs; nothing has changed then.
pub fn add(hll: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    let (index, value) = locate(element);
    raise(hll, index, value, sparse_max_bytes, &mut Place::start())
}

/// The estimate. O(n). Errors: corrupt runs.
pub fn count(hll: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0u32; 64];
    if is_sparse(hll) {
        each_run(hll, |run, _| histogram[usize::from(run.value)] += run.registers as u32)?;
    } else {
        dense_values(hll, |_, values| values.iter().for_each(|value| histogram[usize::from(*value)] += 1));
    }
    Ok(estimate(&histogram))
}

/// Makes a HyperLogLog dense, keeping header and cached estimate; whether it was not. O(n). Errors: corrupt runs;
/// nothing has changed then.
pub fn make_dense(hll: &mut Vec<u8>) -> Result<bool, Corrupt> {
    if !is_sparse(hll) {
        return Ok(false);
    }
    let mut dense = vec![0; DENSE_BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&hll[..HEADER_BYTES]);
    dense[ENCODING_AT] = DENSE;
    each_run(hll, |run, first| {
        if run.value != 0 {
            (first..first + run.registers).for_each(|index| set_register(&mut dense, index, run.value));
        }
    })?;
    *hll = dense;
    Ok(true)
}

/// Whether the runs of a sparse HyperLogLog are all registers; adding to it never fails then. O(n).
pub fn is_sound(hll: &[u8]) -> bool {
    !is_sparse(hll) || each_run(hll, |_, _| {}).is_ok()
}

/// The registers of a HyperLogLog, or the maxima of several, a byte each.
pub struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Registers {
        Registers(Box::new([0; REGISTERS]))
    }
}

impl Registers {
    /// The values.
    pub fn values(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    /// Raises each register to that of a HyperLogLog. O(n). Errors: corrupt runs.
    pub fn merge(&mut self, hll: &[u8]) -> Result<(), Corrupt> {
        let registers = &mut self.0[..];
        if is_sparse(hll) {
            return each_run(hll, |run, first| {
                if run.value != 0 {
                    raise_all(&mut registers[first..first + run.registers], run.value);
                }
            });
        }
        dense_values(hll, |first, values| {
            for (register, value) in registers[first..].iter_mut().zip(values) {
                *register = value.max(*register);
            }
        });
        Ok(())
    }

    /// The estimate.
    pub fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        self.0.iter().for_each(|value| histogram[usize::from(value & 63)] += 1);
        estimate(&histogram)
    }

    /// Raises each register of a HyperLogLog to these. Errors: corrupt runs; `hll` may have changed then.
    pub fn raise_in(&self, hll: &mut Vec<u8>, sparse_max_bytes: usize) -> Result<(), Corrupt> {
        let mut place = Place::start();
        for (index, &value) in self.0.iter().enumerate() {
            if value != 0 {
                raise(hll, index, value, sparse_max_bytes, &mut place)?;
            }
        }
        Ok(())
    }
}

fn raise_all(registers: &mut [u8], value: u8) {
    registers.iter_mut().for_each(|register| *register = value.max(*register));
}

/// Writes the runs of a sparse HyperLogLog as PFDEBUG DECODE shows them: `z:` and `Z:` for zeros, `v:value,length`.
pub fn describe_runs(hll: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let mut at = HEADER_BYTES;
    while at < hll.len() {
        let run = Run::at(hll, at);
        if at > HEADER_BYTES {
            text.push(' ');
        }
        // Writing to a `String` cannot fail.
        let _ = match (run.value, run.bytes) {
            (0, 1) => write!(text, "z:{}", run.registers),
            (0, _) => write!(text, "Z:{}", run.registers),
            (value, _) => write!(text, "v:{value},{}", run.registers),
        };
        at += run.bytes;
    }
    text
}

/// The registers against a plain array, and the estimate of growing sets against their size: what PFSELFTEST answers.
/// Takes tens of milliseconds. Errors: what went wrong.
pub fn self_test(rng: &mut fastrand::Rng, sparse_max_bytes: usize) -> Result<(), String> {
    let mut dense = vec![0; DENSE_BYTES];
    for _ in 0..20 {
        let wanted: Vec<u8> = (0..REGISTERS).map(|_| rng.u8(..64)).collect();
        wanted.iter().enumerate().for_each(|(index, value)| set_register(&mut dense, index, *value));
        if let Some(index) = (0..REGISTERS).find(|&index| register(&dense, index) != wanted[index]) {
            let (wanted, found) = (wanted[index], register(&dense, index));
            return Err(format!("TESTFAILED Register {index} should be {wanted} but is {found}"));
        }
    }
    dense[HEADER_BYTES..].fill(0);
    let mut sparse = empty();
    let failed = |_| "TESTFAILED sparse encoding corrupt".to_owned();
    let (seed, mut checkpoint) = (rng.u64(..), 1);
    for number in 1..=1_000_000u64 {
        let element = (number ^ seed).to_le_bytes();
        add(&mut dense, &element, sparse_max_bytes).map_err(failed)?;
        add(&mut sparse, &element, sparse_max_bytes).map_err(failed)?;
        if number != checkpoint {
            continue;
        }
        if number < sparse_max_bytes as u64 / 2 && !is_sparse(&sparse) {
            return Err("TESTFAILED sparse encoding not used".to_owned());
        }
        let estimate = count(&dense).map_err(failed)?;
        if Ok(estimate) != count(&sparse) {
            return Err("TESTFAILED dense/sparse disagree".to_owned());
        }
        // Six times the standard error, 1.04 / sqrt(16384); at 10 elements two in one register are likely enough.
        let tolerated = if number == 10 { 1 } else { (0.008125 * 6.0 * number as f64).ceil() as u64 };
        let error = estimate.abs_diff(number);
        if error > tolerated {
            return Err(format!("TESTFAILED Too big error. card:{number} abserr:{error}"));
        }
        checkpoint *= 10;
    }
    Ok(())
}

// ---- hashing and estimating ------------------------------------------------------------------------------------------

/// The register of an element, and one more than the zeros at the end of the rest of its hash.
fn locate(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, 0xadc8_3b19);
    let rest = hash >> INDEX_BITS | 1 << RUN_BITS;
    ((hash as usize) % REGISTERS, rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash2 in its 64-bit form, reading little endian.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 47;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 47
}

/// The estimate for how often each value stands in a register (Otmar Ertl, arXiv:1702.01284).
fn estimate(histogram: &[u32; 64]) -> u64 {
    let m = REGISTERS as f64;
    let mut z = m * tau((m - f64::from(histogram[RUN_BITS + 1])) / m);
    for &count in histogram[1..=RUN_BITS].iter().rev() {
        z += f64::from(count);
        z *= 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    let alpha = 0.721_347_520_444_481_7;
    let estimate = (alpha * m * m / z).round();
    // Registers that no hash fills leave no finite estimate: then this, the mark of an outdated cache.
    if estimate < 9_223_372_036_854_775_808.0 { estimate as u64 } else { 1 << 63 }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

// ---- dense -----------------------------------------------------------------------------------------------------------

/// A register of a dense HyperLogLog.
fn register(dense: &[u8], index: usize) -> u8 {
    let (byte, shift) = (HEADER_BYTES + index * 6 / 8, index * 6 % 8);
    let high = dense.get(byte + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([dense[byte], high]) >> shift) as u8 & 63
}

fn set_register(dense: &mut [u8], index: usize, value: u8) {
    let (byte, shift) = (HEADER_BYTES + index * 6 / 8, index * 6 % 8);
    let mask = (63u16 << shift).to_le_bytes();
    let bits = (u16::from(value) << shift).to_le_bytes();
    dense[byte] = dense[byte] & !mask[0] | bits[0];
    // Reaches into the next byte, which is there for all registers that do.
    if mask[1] != 0 {
        dense[byte + 1] = dense[byte + 1] & !mask[1] | bits[1];
    }
}

/// Gives all registers of a dense HyperLogLog in order, four at a time, with the index of the first.
#[inline]
fn dense_values(dense: &[u8], mut f: impl FnMut(usize, [u8; 4])) {
    let (groups, _) = dense[HEADER_BYTES..].as_chunks::<3>();
    for (at, [a, b, c]) in groups.iter().enumerate() {
        f(at * 4, [a & 63, (a >> 6 | b << 2) & 63, (b >> 4 | c << 4) & 63, c >> 2]);
    }
}

// ---- sparse ----------------------------------------------------------------------------------------------------------

/// A run of equal registers.
#[derive(Debug, Clone, Copy)]
struct Run {
    value: u8,
    registers: usize,
    /// Bytes of the run itself.
    bytes: usize,
}

impl Run {
    /// The run at a place; a second byte that is missing counts as 0.
    #[inline]
    fn at(hll: &[u8], at: usize) -> Run {
        let first = hll[at];
        match first >> 6 {
            0 => Run { value: 0, registers: usize::from(first & 63) + 1, bytes: 1 },
            1 => {
                let low = hll.get(at + 1).copied().unwrap_or(0);
                Run { value: 0, registers: (usize::from(first & 63) << 8 | usize::from(low)) + 1, bytes: 2 }
            }
            _ => Run { value: (first >> 2 & 31) + 1, registers: usize::from(first & 3) + 1, bytes: 1 },
        }
    }
}

/// A run of values as a byte.
fn value_run(value: u8, registers: usize) -> u8 {
    0x80 | (value - 1) << 2 | (registers - 1) as u8
}

/// A run of zeros as one byte or two.
fn zeros(registers: usize) -> (usize, [u8; 2]) {
    let [high, low] = (registers as u16 - 1).to_be_bytes();
    if registers <= SHORT_ZEROS_MAX { (1, [low, 0]) } else { (2, [high | 0x40, low]) }
}

/// Gives all runs with the index of their first register. Errors: more or fewer registers than there are.
#[inline]
fn each_run(hll: &[u8], mut f: impl FnMut(Run, usize)) -> Result<(), Corrupt> {
    let (mut at, mut first) = (HEADER_BYTES, 0);
    while at < hll.len() {
        let run = Run::at(hll, at);
        if first + run.registers > REGISTERS {
            return Err(Corrupt);
        }
        f(run, first);
        first += run.registers;
        at += run.bytes;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Where the search for a register starts, so that raising many in order takes one walk.
struct Place {
    at: usize,
    first: usize,
    /// The run before.
    before: Option<usize>,
}

impl Place {
    fn start() -> Place {
        Place { at: HEADER_BYTES, first: 0, before: None }
    }
}

/// Raises a register to at least `value`; whether it was lower. `place` is behind no register that is asked for, and
/// moves up to the run before this one. Errors: corrupt runs; nothing has changed then.
fn raise(
    hll: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
    place: &mut Place,
) -> Result<bool, Corrupt> {
    if is_sparse(hll) {
        if value <= VALUE_MAX
            && let Some(raised) = raise_sparse(hll, index, value, sparse_max_bytes, place)?
        {
            return Ok(raised);
        }
        make_dense(hll)?;
        set_register(hll, index, value);
        return Ok(true);
    }
    let lower = register(hll, index) < value;
    if lower {
        set_register(hll, index, value);
    }
    Ok(lower)
}

/// The same for a sparse HyperLogLog; `None` when it has to become dense first.
fn raise_sparse(
    hll: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
    place: &mut Place,
) -> Result<Option<bool>, Corrupt> {
    let Place { mut at, mut first, mut before } = *place;
    let run = loop {
        if at >= hll.len() {
            return Err(Corrupt);
        }
        let run = Run::at(hll, at);
        if index < first + run.registers {
            break run;
        }
        *place = Place { at, first, before };
        before = Some(at);
        at += run.bytes;
        first += run.registers;
    };
    if at + run.bytes > hll.len() {
        return Err(Corrupt);
    }
    if run.value >= value {
        return Ok(Some(false));
    }
    let split = Split::new(run, index - first, value);
    let split = split.bytes();
    if split.len() > run.bytes && hll.len() + split.len() - run.bytes > sparse_max_bytes {
        return Ok(None);
    }
    if split.len() == run.bytes {
        hll[at..at + run.bytes].copy_from_slice(split);
    } else {
        hll.splice(at..at + run.bytes, split.iter().copied());
    }
    merge_values(hll, before.unwrap_or(HEADER_BYTES));
    // The run at the place itself was split, and may now be part of the one before.
    if place.at == at && before.is_some() {
        *place = Place::start();
    }
    invalidate(hll);
    Ok(Some(true))
}

/// The runs that take the place of one in which a register is raised: what is before it, it, and what is behind.
struct Split {
    bytes: [u8; 5],
    len: usize,
}

impl Split {
    fn new(run: Run, within: usize, value: u8) -> Split {
        let mut split = Split { bytes: [0; 5], len: 0 };
        split.push(run.value, within);
        split.push(value, 1);
        split.push(run.value, run.registers - within - 1);
        split
    }

    fn push(&mut self, value: u8, registers: usize) {
        let (len, bytes) = match (value, registers) {
            (_, 0) => return,
            (0, _) => zeros(registers),
            _ => (1, [value_run(value, registers), 0]),
        };
        self.bytes[self.len..self.len + len].copy_from_slice(&bytes[..len]);
        self.len += len;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Merges neighbouring runs of equal values, looking at five runs from `at` on; a merge counts as one of them.
fn merge_values(hll: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        if at >= hll.len() {
            return;
        }
        let run = Run::at(hll, at);
        if run.value != 0 && at + 1 < hll.len() {
            let next = Run::at(hll, at + 1);
            let both = run.registers + next.registers;
            if next.value == run.value && both <= VALUE_RUN_MAX {
                hll[at + 1] = value_run(run.value, both);
                hll.remove(at);
                continue;
            }
        }
        at += run.bytes;
    }
}
