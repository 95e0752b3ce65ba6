package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// greeting is the first line that the case's server sends.
const greeting = ":" + Name + " NOTICE * :*** Looking up your hostname...\r\n"

// patience is how long a client may stay: no longer than a demo.
const patience = 5 * time.Second

// greet starts the server. It serves whoever comes from one address, which is this machine's own, and resets
// everybody else. Closing the listener ends it.
func greet(at netip.AddrPort, from netip.Addr) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // as plain as the case's
	l, err := lc.Listen(context.Background(), "tcp4", at.String())
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { // ends when l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c, from) // ends with the client, or its patience
		}
	}()
	return l, nil
}

func serve(c net.Conn, from netip.Addr) {
	defer c.Close()
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || peer.Addr().Unmap() != from {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // socket(7): the close resets
		}
		return
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, greeting)
	_, _ = io.Copy(io.Discard, c)
}
