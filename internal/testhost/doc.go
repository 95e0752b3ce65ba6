// Package testhost makes real hosts for tests: network namespaces joined by a cable, with real servers and firewalls
// in them. Nothing that runs in one can send to a network outside.
//
// What it promises: a test that needs what the machine lacks (root, a program) is skipped with the reason; servers are
// listening when their constructor returns; everything ends with the test. The namespaces have no names in the file
// system: they live as long as this process holds them or a program runs in them, and programs die with this
// process, so that even a killed test leaves nothing behind.
//
// What it leaves to tests: what is said to the servers, and what is expected of it.
package testhost
