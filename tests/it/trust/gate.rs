//! Only what Argo itself sets opens the gate.
