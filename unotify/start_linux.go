package unotify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Command is a program to start under a filter.
type Command struct {
	Path   string   // the file to execute; not looked up in PATH
	Args   []string // the argument list, Args[0] included
	Env    []string // nil: this process's environment
	Filter Filter
}

// Process is a program that was started under a filter.
type Process struct {
	PID        int
	Listener   *Listener
	NoNewPrivs bool // no_new_privs had to be set: setuid programs run without their rights
	conn       *os.File
}

// StartError says which step of a start failed. For Step "execute", Err is the errno of execve(2).
type StartError struct {
	Step string
	Err  error
}

func (e *StartError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap is the error behind it.
func (e *StartError) Unwrap() error { return e.Err }

// The child is this program once more, told so by its first argument; the second is the number of its socket.
const childName = "[sallyport: starting]"

// What the child sends: a kind, then an errno or a flag. The listener travels with kindListener.
const (
	kindListener = 'l'
	kindInstall  = 'i'
	kindExec     = 'e'
)

// Start starts a program under a filter: this program is executed once more, as a child that calls [ChildInit], installs
// the filter, hands the listener over and executes the program in its own place. The program inherits this
// process's descriptors that are not close-on-exec, its working directory, limits, signal mask and process group.
//
// The program's calls wait from its first one on: receive from Listener, and call [Process.Executed] meanwhile.
// The caller waits for the process (wait4(2)) itself.
func Start(c *Command) (*Process, error) {
	program, err := c.Filter.Assemble()
	if err != nil {
		return nil, &StartError{"assemble filter", err}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &StartError{"socketpair", err}
	}
	// The child's end keeps its number, which no inherited descriptor has, so that all of those stay as they are.
	if _, err := unix.FcntlInt(uintptr(pair[1]), unix.F_SETFD, 0); err != nil {
		return nil, &StartError{"fcntl", err}
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	args := append([]string{childName, strconv.Itoa(pair[1]), c.Path}, c.Args...)
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
	unix.Close(pair[1])
	if err != nil {
		unix.Close(pair[0])
		return nil, &StartError{"start /proc/self/exe", err}
	}
	conn := os.NewFile(uintptr(pair[0]), "child")
	p := &Process{PID: pid, conn: conn}
	if err := p.takeListener(program); err != nil {
		conn.Close()
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, err
	}
	return p, nil
}

// takeListener sends the filter to the child and receives its listener.
func (p *Process) takeListener(program []Instruction) error {
	if _, err := p.conn.Write(encode(program)); err != nil {
		return &StartError{"send filter", err}
	}
	var msg [5]byte
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	var err error
	for {
		n, oobn, _, _, err = unix.Recvmsg(int(p.conn.Fd()), msg[:], oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return &StartError{"receive listener", err}
	}
	if n < len(msg) {
		return &StartError{"receive listener", errors.New("the child ended before it could install the filter: does this program's main call unotify.ChildInit?")}
	}
	value := binary.LittleEndian.Uint32(msg[1:])
	if msg[0] == kindInstall {
		return &StartError{"install seccomp filter", unix.Errno(value)}
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cmsgs) != 1 {
		return &StartError{"receive listener", fmt.Errorf("no descriptor came with it: %w", errors.Join(err, io.ErrUnexpectedEOF))}
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil || len(fds) != 1 {
		return &StartError{"receive listener", fmt.Errorf("no descriptor came with it: %w", errors.Join(err, io.ErrUnexpectedEOF))}
	}
	p.Listener = NewListener(fds[0])
	p.NoNewPrivs = value != 0
	return nil
}

// Executed waits until the program runs. Its error is a *StartError with Step "execute" where it could not be executed;
// the child has then ended with status 127 or 126.
func (p *Process) Executed() error {
	defer p.conn.Close()
	var msg [5]byte
	// The child's end is close-on-exec: the end of the stream is success.
	if n, err := io.ReadFull(p.conn, msg[:]); n < len(msg) {
		if err == io.EOF {
			return nil
		}
		return &StartError{"execute", err}
	}
	return &StartError{"execute", unix.Errno(binary.LittleEndian.Uint32(msg[1:]))}
}

// ChildInit turns this process into the program it was started for, where it is the child of a [Start]; it
// returns at once in every other process. Call it first thing in main.
func ChildInit() {
	if len(os.Args) < 4 || os.Args[0] != childName {
		return
	}
	conn, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(125)
	}
	runChild(conn, os.Args[2], os.Args[3:])
}

// runChild installs the filter and executes the program, on one thread; it does not return.
func runChild(conn int, path string, args []string) {
	runtime.LockOSThread()
	unix.CloseOnExec(conn)
	program, err := receiveProgram(conn)
	if err != nil {
		os.Exit(125)
	}
	// A thread without the filter hands the listener over: sendmsg itself may be a call that the filter
	// notifies, and nobody could answer it yet. It is there before the filter is, so that
	// it does not inherit it.
	installed := make(chan Installed)
	handed := make(chan error)
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(ready)
		in := <-installed
		msg := [5]byte{kindListener}
		if in.NoNewPrivs {
			msg[1] = 1
		}
		handed <- unix.Sendmsg(conn, msg[:], unix.UnixRights(in.Listener), nil, 0)
	}()
	<-ready
	in, err := Install(program)
	if err != nil {
		fail(conn, kindInstall, err)
		os.Exit(125)
	}
	installed <- in
	if err := <-handed; err != nil {
		os.Exit(125)
	}
	err = execute(path, args)
	// write(2) is never notified: this thread can say it itself.
	fail(conn, kindExec, err)
	if errors.Is(err, unix.ENOENT) {
		os.Exit(127)
	}
	os.Exit(126)
}

// execute is execve(2), and like execvp(3) it gives a file without a known format to the shell.
func execute(path string, args []string) error {
	err := syscall.Exec(path, args, os.Environ())
	if errors.Is(err, unix.ENOEXEC) {
		sh := append([]string{"/bin/sh", path}, args[1:]...)
		if e := syscall.Exec("/bin/sh", sh, os.Environ()); e != nil {
			return err
		}
	}
	return err
}

func fail(conn int, kind byte, err error) {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		errno = unix.EINVAL
	}
	msg := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(errno))
	_, _ = unix.Write(conn, msg)
}

// encode is a filter on the wire: its length in instructions, then the instructions, little-endian.
func encode(program []Instruction) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(program)))
	return append(b, unsafe.Slice((*byte)(unsafe.Pointer(&program[0])), len(program)*int(unsafe.Sizeof(Instruction{})))...)
}

func receiveProgram(conn int) ([]Instruction, error) {
	f := fdReader(conn)
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxInstructions {
		return nil, fmt.Errorf("filter of %d instructions", n)
	}
	program := make([]Instruction, n)
	b := unsafe.Slice((*byte)(unsafe.Pointer(&program[0])), int(n)*int(unsafe.Sizeof(Instruction{})))
	_, err := io.ReadFull(f, b)
	return program, err
}

// fdReader reads a descriptor without the runtime's poller, which would leave traces on it.
type fdReader int

func (f fdReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(f), b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
