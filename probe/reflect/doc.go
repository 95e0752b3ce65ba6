// Package reflect is the far end of a probe for those who own one: a server that says what it saw of a connection, and the protocol that it and its
// clients speak (docs/probe-reflect.md).
//
// What it promises: who does not prove the token gets no answer but a TLS handshake; a datagram is never answered with more bytes than it had;
// a proof is taken once; connections, their bytes and their time, datagrams a second, and memory are bounded, whoever sends what. What it leaves to
// others: who may reach it, which is a firewall's to say.
package reflect
