//go:build linux

package unotify_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"syscall"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// A shell changes its directory, and a supervisor decides where to. Its main function calls ChildInit first.
func Example() {
	p, err := unotify.Start(&unotify.Command{
		Path:   "/bin/sh",
		Args:   []string{"sh", "-c", "cd /tmp; cd /usr 2>/dev/null"},
		Filter: unotify.Filter{Rules: []unotify.Rule{{Syscall: unix.SYS_CHDIR, Action: unotify.Notify}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Listener.Close()
	if err := p.Executed(); err != nil {
		log.Fatal(err)
	}
	for {
		var n unotify.Notification
		if err := p.Listener.Receive(&n); err != nil {
			break // unotify.ErrNoMore
		}
		path := make([]byte, 4096)
		length, err := unotify.ReadMemory(int(n.PID), n.Args[0], path)
		if err != nil || !p.Listener.Valid(n.ID) {
			continue // the caller is gone, and what was read may be another's
		}
		name, _, _ := bytes.Cut(path[:length], []byte{0})
		fmt.Printf("chdir %s\n", name)
		if string(name) == "/tmp" {
			err = p.Listener.Continue(n.ID)
		} else {
			err = p.Listener.Return(n.ID, 0, unix.EACCES)
		}
		if err != nil && !errors.Is(err, unotify.ErrGone) {
			log.Fatal(err)
		}
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(p.PID, &ws, 0, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit status", ws.ExitStatus())
	// Output:
	// chdir /tmp
	// chdir /usr
	// exit status 2
}

// A program opens a file that is not there, and gets one that the supervisor has opened for it.
func ExampleListener_AddFD() {
	const wanted = "/nowhere/greeting"
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Fprintln(w, "5")
	w.Close()
	p, err := unotify.Start(&unotify.Command{
		Path:   "/bin/sh",
		Args:   []string{"sh", "-c", "read status <" + wanted + "; exit $status"},
		Filter: unotify.Filter{Rules: []unotify.Rule{{Syscall: unix.SYS_OPENAT, Action: unotify.Notify}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Listener.Close()
	for {
		var n unotify.Notification
		if err := p.Listener.Receive(&n); err != nil {
			break
		}
		path := make([]byte, len(wanted)+1)
		_, _ = unotify.ReadMemory(int(n.PID), n.Args[1], path)
		if string(path) == wanted+"\x00" && p.Listener.Valid(n.ID) {
			_, err = p.Listener.AddFD(n.ID, int(r.Fd()), n.Args[2]&unix.O_CLOEXEC != 0)
		} else {
			err = p.Listener.Continue(n.ID)
		}
		if err != nil && !errors.Is(err, unotify.ErrGone) {
			log.Fatal(err)
		}
	}
	if err := p.Executed(); err != nil {
		log.Fatal(err)
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(p.PID, &ws, 0, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit status", ws.ExitStatus())
	// Output: exit status 5
}

// Of the rules for one call the first that holds decides, and the filter does so without asking anybody.
func ExampleFilter() {
	const tiocsti = 0x5412
	f := unotify.Filter{
		Rules: []unotify.Rule{
			// IPv4 and IPv6 sockets are handed over; others are made at once.
			{Syscall: unix.SYS_SOCKET, When: []unotify.Condition{unotify.Int(0, unix.AF_INET)}, Action: unotify.Notify},
			{Syscall: unix.SYS_SOCKET, When: []unotify.Condition{unotify.Int(0, unix.AF_INET6)}, Action: unotify.Notify},
			// sendto with an address; the pointer is compared, not what it points at.
			{Syscall: unix.SYS_SENDTO, When: []unotify.Condition{{Arg: 4, Value: 0, Not: true}}, Action: unotify.Notify},
			// Nothing is typed into the terminal.
			{Syscall: unix.SYS_IOCTL, When: []unotify.Condition{unotify.Int(1, tiocsti)}, Action: unotify.Fail(uint16(unix.EPERM))},
		},
		Foreign: unotify.Fail(uint16(unix.ENOSYS)), // no i386 calls
	}
	program, err := f.Assemble()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(program) < 64)
	// Output: true
}
