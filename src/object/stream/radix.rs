//! How many nodes a radix tree of a stream's blocks would have: a figure that XINFO STREAM reports, and that Redis has
//! because it keeps blocks in such a tree.

use super::StreamId;

/// Up to so many keys are counted; beyond, the count of these is extrapolated.
const COUNTED_MAX_KEYS: usize = 4096;

const KEY_BYTES: u32 = 16;

/// Nodes of a compressed radix tree over the 16 bytes of these ids, which are `len` and come in order. O(n), bounded.
pub(super) fn nodes(ids: impl Iterator<Item = StreamId>, len: usize) -> usize {
    let mut keys = ids.take(COUNTED_MAX_KEYS).map(|id| u128::from_be_bytes(id.to_bytes()));
    let Some(mut before) = keys.next() else { return 1 };
    let mut counted = 1;
    let mut nodes = 0;
    // Depths of the nodes on the way to the key before, itself included.
    let mut open = vec![KEY_BYTES];
    for key in keys {
        counted += 1;
        let common = (key ^ before).leading_zeros() / 8;
        before = key;
        while let Some(depth) = open.pop_if(|depth| *depth > common) {
            let parent = open.last().map_or(common, |parent| common.max(*parent));
            // Between a node and the byte that leads to it from its parent, one node holds all bytes there are.
            nodes += 1 + usize::from(depth - parent > 1);
        }
        if open.last() != Some(&common) {
            open.push(common);
        }
        open.push(KEY_BYTES);
    }
    while let Some(depth) = open.pop() {
        nodes += 1 + usize::from(open.last().map_or(depth > 0, |parent| depth - parent > 1));
    }
    if len > counted { (nodes as f64 / counted as f64 * len as f64) as usize } else { nodes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(ids: &[(u64, u64)]) -> usize {
        nodes(ids.iter().map(|&(ms, seq)| StreamId { ms, seq }), ids.len())
    }

    #[test]
    fn nodes_are_those_of_a_tree_with_joined_chains() {
        assert_eq!(count(&[]), 1);
        assert_eq!(count(&[(5, 0)]), 2, "a chain and its end");
        assert_eq!(count(&[(5, 1), (5, 2)]), 4, "a chain, a branch, two ends");
        assert_eq!(count(&[(5, 1), (6, 1)]), 6, "each end behind a chain of its own");
        assert_eq!(count(&[(1 << 56, 0), (2 << 56, 0)]), 5, "the root is the branch");
        assert_eq!(count(&[(0, 1), (0, 2), (0, 256)]), 7);
    }
}
