// Package measure makes attempts: it opens the sockets, keeps to the limits, and greets who answers, in the protocol that is expected, with a few
// bytes that leave nothing behind. Package probe says what came of it means.
package measure
