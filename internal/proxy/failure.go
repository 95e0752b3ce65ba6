package proxy

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// Failure is how a proxy's own connection ended, as far as its answer tells: SOCKS has a code for each end (RFC 1928 section 6), squid the errno
// (errors in src/err_type.h), HTTP a status for silence alone (504, RFC 9110 section 15.6.5).
func (a *Answer) Failure() attempt.Outcome {
	name, code, _ := strings.Cut(a.Details, " ")
	switch {
	case name == "ERR_DNS_FAIL":
		return attempt.Outcome{Kind: attempt.NameNotFound}
	case name == "ERR_CONNECT_FAIL":
		if n, err := strconv.ParseUint(code, 10, 16); err == nil && n != 0 {
			return attempt.OutcomeOf(attempt.Errno(n))
		}
	case strings.HasPrefix(a.Words, "504"), strings.HasPrefix(a.Words, "TTL"):
		return attempt.Outcome{Kind: attempt.TimedOut}
	case a.Words == "connection refused":
		return attempt.Outcome{Kind: attempt.Refused}
	case strings.HasSuffix(a.Words, " unreachable"):
		return attempt.Outcome{Kind: attempt.Unreachable}
	}
	return attempt.Outcome{Kind: attempt.Failed}
}
