// Package report renders what the rest finds out: runs with their findings, for people and as JSON, events, and
// the pages of the causes. It is the only package that formats for people, and decides nothing.
package report
