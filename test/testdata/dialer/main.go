// Dialer fetches a page over a connection made by net.Dialer with a LocalAddr.
//
//	dialer DESTINATION:PORT [SOURCE:PORT]
//
// The source ":0" is any address. It prints "local ADDRESS PORT" and the page, or "errno NAME: ERROR" and exits with 1.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	if err := fetch(os.Args[1], os.Args[2:]); err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		fmt.Fprintf(os.Stderr, "errno %s: %v\n", unix.ErrnoName(errno), err)
		os.Exit(1)
	}
}

func fetch(dest string, source []string) error {
	var d net.Dialer
	if len(source) > 0 {
		local, err := net.ResolveTCPAddr("tcp", source[0])
		if err != nil {
			return err
		}
		d.LocalAddr = local
	}
	c, err := d.Dial("tcp", dest)
	if err != nil {
		return err
	}
	defer c.Close()
	local := c.LocalAddr().(*net.TCPAddr)
	fmt.Println("local", local.IP, local.Port)
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, c)
	return err
}
