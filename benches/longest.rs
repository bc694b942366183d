//! The longest step of big jobs: what a client may have to wait for at worst. Each job is done several times over, and of
//! each of its steps the shortest time counts: a machine that takes the core away now and then does not do it twice at the
//! same step.

use larder::keyspace::{DbIndex, Expiry, Keyspace};
use larder::object::{Limits, Set, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const KEYS: usize = 5_000_000;
const MEMBERS: usize = 2_000_000;
const DB: DbIndex = DbIndex(0);

/// Times of a job's steps, in nanoseconds.
#[derive(Default)]
struct Steps {
    shortest: Vec<u64>,
    at: usize,
}

impl Steps {
    fn step<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let began = std::time::Instant::now();
        let result = f();
        let spent = began.elapsed().as_nanos() as u64;
        match self.shortest.get_mut(self.at) {
            Some(shortest) => *shortest = spent.min(*shortest),
            None => self.shortest.push(spent),
        }
        self.at += 1;
        result
    }

    fn tell(&mut self, name: &str) {
        let longest = self.shortest.iter().max().copied().unwrap_or(0);
        let mean = self.shortest.iter().sum::<u64>() / self.shortest.len().max(1) as u64;
        println!("{name:44} {:>10} steps, longest {longest:>9} ns, mean {mean:>6} ns", self.shortest.len());
    }
}

fn put(keyspace: &mut Keyspace, n: usize) {
    keyspace.db(DB).put(format!("key:{n:012}").as_bytes(), Value::Bytes(b"xxx"), Expiry::Clear);
    keyspace.let_walk();
    keyspace.log = Default::default();
}

fn main() {
    let jobs = [
        "growing to 5M keys",
        "taking a snapshot of 5M keys",
        "the first SET of each key beside a snapshot",
        "FLUSHALL of 5M keys",
    ];
    let mut steps: [Steps; 4] = Default::default();
    let (mut growing_set, mut deleting) = (Steps::default(), Steps::default());
    for _ in 0..ROUNDS {
        steps.iter_mut().chain([&mut growing_set, &mut deleting]).for_each(|steps| steps.at = 0);
        let mut keyspace = Keyspace::new(1);
        (0..KEYS).for_each(|n| steps[0].step(|| put(&mut keyspace, n)));
        let walks = steps[1].step(|| keyspace.snapshot());
        (0..KEYS).for_each(|n| steps[2].step(|| put(&mut keyspace, n)));
        drop(walks);
        keyspace.let_walk();
        steps[3].step(|| keyspace.flush(None));
        drop(std::mem::take(&mut keyspace.garbage));

        let limits = Limits::default();
        for n in 0..MEMBERS {
            growing_set.step(|| {
                let mut db = keyspace.db(DB);
                let set = db.edit_or_create::<Set>(b"big", || Set::for_member(b"m", &limits));
                set.is_ok_and(|set| set.insert(format!("m:{n}").as_bytes(), &limits))
            });
        }
        assert!(keyspace.db(DB).get::<Set>(b"big").is_ok_and(|set| set.is_some_and(|set| !set.is_empty())));
        deleting.step(|| keyspace.db(DB).delete(b"big"));
        drop(std::mem::take(&mut keyspace.garbage));
    }
    steps.iter_mut().zip(jobs).for_each(|(steps, name)| steps.tell(name));
    growing_set.tell("growing a set to 2M members");
    deleting.tell("DEL of a set of 2M members");
}
