//! RDS as its clients see it.
