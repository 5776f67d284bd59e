//! What is PostgreSQL's alone: several stores on one database, lost connections, encryption.
