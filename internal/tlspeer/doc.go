// Package tlspeer reads the certificates that a TLS server presents, and what they say of the server's name. It is no TLS: it makes a handshake
// just far enough to read the Certificate message (RFC 5246, RFC 8446), verifies no signature, and can send nothing.
//
// It is here since crypto/tls and crypto/x509 import package net, which would slow every start of sallyport.
package tlspeer
