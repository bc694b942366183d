//! Where a node of a tree stands: on its left edge, its right edge, both or neither. Nodes on an edge may hold less than
//! the others, since a tree grows and shrinks there.

/// Whether a node is on the left and the right edge of the tree.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) left: bool,
    pub(super) right: bool,
}

impl Edge {
    /// The root is on both.
    pub(super) const ROOT: Edge = Edge { left: true, right: true };

    /// The edges of the child at this place of a node with so many.
    pub(super) fn of_kid(self, at: usize, len: usize) -> Edge {
        Edge { left: self.left && at == 0, right: self.right && at + 1 == len }
    }

    /// Whether it is on neither.
    pub(super) fn is_inside(self) -> bool {
        !self.left && !self.right
    }
}
