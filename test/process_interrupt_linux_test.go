package test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// silentPort is a port of 127.0.0.1 that drops every SYN: of a listener whose queue is full.
func silentPort(t *testing.T) int {
	t.Helper()
	socket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	server := socket()
	if err := unix.Bind(server, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(server, 0); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(server)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(socket(), at); err != nil {
		t.Fatal(err)
	}
	return at.(*unix.SockaddrInet4).Port
}

// While attempts are tried again for the report, which takes seconds, a terminal is told so. A Ctrl-C then has the report
// written with what is known, and the exit status is the program's.
func TestReportInterrupted(t *testing.T) {
	python := testhost.Need(t, "/usr/bin/python3", "python3")
	program := fmt.Sprintf(`import socket, sys
s = socket.socket()
s.settimeout(1.2)
try: s.connect(("127.0.0.1", %d))
except TimeoutError: sys.exit(5)`, silentPort(t))
	p := startPTY(t, "NO_COLOR=1", "bash", "-c", underRun(t)+" "+python+" -c '"+program+"'; echo status $?")
	p.expect(`sallyport: trying the failed attempts again, with one thing changed\.\.\.`)
	p.types("\x03")
	p.expect(`sallyport: timed-out: `)
	p.expect(`had not ended when the report was made`)
	p.expect("status 5\r\n")
	if ws := p.wait(); ws != syscall.WaitStatus(0) {
		t.Errorf("status %#x, want 0", int(ws))
	}
}
