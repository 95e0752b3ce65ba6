package diagnose

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/attempt"
)

// errSocksAuth says that a SOCKS proxy wants a user and a password.
var errSocksAuth = errors.New("the proxy wants a user and a password")

// socksReplies are the replies of RFC 1928 section 6, as outcomes.
var socksReplies = map[byte]struct {
	kind  attempt.Kind
	words string
}{
	1: {attempt.Failed, "general failure"}, 2: {attempt.Denied, "not allowed by its rules"}, 3: {attempt.Unreachable, "network unreachable"},
	4: {attempt.Unreachable, "host unreachable"}, 5: {attempt.Refused, "connection refused"}, 6: {attempt.TimedOut, "TTL expired"},
	7: {attempt.Failed, "command not supported"}, 8: {attempt.Failed, "address type not supported"},
}

// askSocks asks a SOCKS5 proxy for a connection (CONNECT, RFC 1928) without a user, and returns the code of its reply; 0 is success.
func askSocks(conn io.ReadWriter, a attempt.Attempt) (reply byte, err error) {
	if _, err := conn.Write([]byte{5, 1, 0}); err != nil { // version 5, one method: no authentication
		return 0, err
	}
	var method [2]byte
	if _, err := io.ReadFull(conn, method[:]); err != nil || method[0] != 5 {
		return 0, fmt.Errorf("read the method: %w", errors.Join(err, errNotSocks))
	}
	if method[1] != 0 {
		return 0, errSocksAuth
	}
	if _, err := conn.Write(socksRequest(a)); err != nil {
		return 0, err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[0] != 5 {
		return 0, fmt.Errorf("read the reply: %w", errors.Join(err, errNotSocks))
	}
	return head[1], nil
}

var errNotSocks = errors.New("what answers there is no SOCKS5 proxy")

// socksRequest asks for the name where it is known, since the program may have the proxy look it up.
func socksRequest(a attempt.Attempt) []byte {
	b := []byte{5, 1, 0} // CONNECT
	addr := a.Destination.Addr().Unmap()
	switch {
	case a.Name != "" && len(a.Name) < 256:
		b = append(append(b, 3, byte(len(a.Name))), a.Name...)
	case addr.Is4():
		b = append(append(b, 1), addr.AsSlice()...)
	default:
		b = append(append(b, 4), addr.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, a.Destination.Port())
}
