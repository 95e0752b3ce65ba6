package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
)

// socks starts as much of a SOCKS 5 server (RFC 1928) as proxychains4 needs: no authentication, CONNECT to an IPv4 address. It
// listens on loopback and leads only there; stop ends it.
func socks() (port int, stop func(), err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	go func() { // ends when l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends when both sides have
				defer c.Close()
				_ = proxy(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, func() { l.Close() }, nil
}

var errSocks = errors.New("not a SOCKS 5 CONNECT to an IPv4 address on loopback")

func proxy(client *net.TCPConn) error {
	var b [256]byte
	if _, err := io.ReadFull(client, b[:2]); err != nil {
		return err
	}
	if _, err := io.ReadFull(client, b[2:2+int(b[1])%250]); err != nil { // the methods it offers
		return err
	}
	if _, err := client.Write([]byte{5, 0}); err != nil {
		return err
	}
	request := b[:10] // version, command, reserved, address type, address, port
	if _, err := io.ReadFull(client, request); err != nil {
		return err
	}
	addr := netip.AddrFrom4([4]byte(request[4:8]))
	if request[0] != 5 || request[1] != 1 || request[3] != 1 || !addr.IsLoopback() {
		return errSocks
	}
	to := netip.AddrPortFrom(addr, uint16(request[8])<<8|uint16(request[9]))
	server, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	back := make(chan struct{})
	go func() { // ends when the server closes its side
		defer close(back)
		_, _ = io.Copy(client, server)
		_ = client.CloseWrite()
	}()
	_, err = io.Copy(server, client)
	_ = server.CloseWrite()
	<-back
	return err
}
