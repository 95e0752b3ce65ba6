package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// AskHTTP asks an HTTP proxy: for a tunnel to host:port by CONNECT (RFC 9110 section 9.3.6), or by another method for the root of what is at
// host:port. A user is sent as Basic credentials (RFC 7617). The error says that no answer came that could be read.
func AskHTTP(conn io.ReadWriter, method, target, user, password string) (Answer, error) {
	uri := target
	if method != "CONNECT" {
		uri = "http://" + target + "/"
	}
	credentials := ""
	if user != "" {
		credentials = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, uri, target, credentials); err != nil {
		return Answer{}, err
	}
	var head []byte
	b := make([]byte, 1024)
	for len(head) < maxHead && !bytes.Contains(head, headEnd) {
		n, err := conn.Read(b)
		head = append(head, b[:n]...)
		if err != nil && !bytes.Contains(head, []byte("\n")) {
			return Answer{}, fmt.Errorf("read the answer to %s: %w", method, err)
		}
		if err != nil {
			break
		}
	}
	head, _, _ = bytes.Cut(head, headEnd)
	a, ok := HTTP(method, head)
	if !ok {
		return Answer{}, fmt.Errorf("the answer to %s has no status line", method)
	}
	return a, nil
}

var errNotSocks = errors.New("what answers there is no SOCKS5 proxy")

// AskSocks asks a SOCKS5 proxy for a connection to host:port (RFC 1928), with a user where there is one (RFC 1929).
func AskSocks(conn io.ReadWriter, target, user, password string) (Answer, error) {
	methods := []byte{5, 1, 0} // version 5, one method: no authentication
	if user != "" {
		methods = []byte{5, 2, 0, 2}
	}
	if _, err := conn.Write(methods); err != nil {
		return Answer{}, err
	}
	var chosen [2]byte
	if _, err := io.ReadFull(conn, chosen[:]); err != nil || chosen[0] != 5 {
		return Answer{}, fmt.Errorf("read the method: %w", errors.Join(err, errNotSocks))
	}
	switch {
	case chosen[1] == 2 && user != "" && len(user) < 256 && len(password) < 256:
		b := append(append([]byte{1, byte(len(user))}, user...), byte(len(password)))
		if _, err := conn.Write(append(b, password...)); err != nil {
			return Answer{}, err
		}
		var status [2]byte
		if _, err := io.ReadFull(conn, status[:]); err != nil {
			return Answer{}, fmt.Errorf("read the answer to user and password: %w", err)
		}
		if status[1] != 0 {
			return Answer{Kind: WantsUser, Words: badPassword}, nil
		}
	case chosen[1] == 0xff && user == "":
		return Answer{Kind: WantsUser, Words: noUser}, nil
	case chosen[1] != 0:
		return Answer{Kind: Other, Words: noMethod}, nil
	}
	request, err := socksRequest(target)
	if err != nil {
		return Answer{}, err
	}
	if _, err := conn.Write(request); err != nil {
		return Answer{}, err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[0] != 5 {
		return Answer{}, fmt.Errorf("read the reply: %w", errors.Join(err, errNotSocks))
	}
	a := Socks(head[1])
	if a.Kind != Granted {
		return a, nil
	}
	n := map[byte]int{1: 4, 4: 16}[head[3]] // the address that it connected from, which nobody needs
	if head[3] == 3 {
		var size [1]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return Answer{}, fmt.Errorf("read the reply: %w", err)
		}
		n = int(size[0])
	} else if n == 0 {
		return Answer{}, fmt.Errorf("read the reply: %w", errNotSocks)
	}
	if _, err := io.CopyN(io.Discard, conn, int64(n)+2); err != nil {
		return Answer{}, fmt.Errorf("read the reply: %w", err)
	}
	return a, nil
}

// What is said of a SOCKS5 proxy that does not let a client in.
const (
	noUser      = "it lets nobody in without a user and a password"
	badPassword = "user and password not accepted"
	noMethod    = "no way to authenticate that it accepts"
)

// socksRequest asks for the name where there is one: a proxy may allow by name only.
func socksRequest(target string) ([]byte, error) {
	i := strings.LastIndexByte(target, ':')
	if i < 0 {
		return nil, fmt.Errorf("target %q: want host:port", target)
	}
	host := strings.Trim(target[:i], "[]")
	port, err := strconv.ParseUint(target[i+1:], 10, 16)
	if err != nil || len(host) > 255 {
		return nil, fmt.Errorf("target %q: want host:port", target)
	}
	b := []byte{5, 1, 0} // CONNECT
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		b = append(append(b, 3, byte(len(host))), host...)
	case addr.Unmap().Is4():
		b = append(append(b, 1), addr.Unmap().AsSlice()...)
	default:
		b = append(append(b, 4), addr.WithZone("").AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, uint16(port)), nil
}
