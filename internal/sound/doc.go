// Package sound sends single packets, from this thread's network namespace, and tells what came back of them and from whom: ICMP errors with
// their senders, at whatever distance. Nothing of it needs rights.
package sound
