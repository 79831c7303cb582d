//! C-70 to C-73 between kernels.
