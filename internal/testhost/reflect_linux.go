package testhost

import "syscall"

// PortReflect is where Reflect listens, unless its arguments say otherwise.
const PortReflect = 7531

// ReflectToken is the token of Reflect.
const ReflectToken = "a-token-for-tests-alone"

// Reflect starts sallyport reflect, with more arguments, and waits for it to listen on ports.
func Reflect(h *Host, sallyport string, ports []uint16, args ...string) *Server {
	h.t.Helper()
	s := h.serve([]string{Need(h.t, "env", "coreutils"), "SALLYPORT_REFLECT_TOKEN=" + ReflectToken}, append([]string{sallyport, "reflect"}, args...)...)
	h.AwaitListen(s, ports...)
	return s
}

// Start starts a program that runs until the test ends.
func Start(h *Host, argv ...string) *Server {
	h.t.Helper()
	return h.serve(nil, argv...)
}

// Signal sends a signal to the server's process group, and waits for its end.
func (s *Server) Signal(sig syscall.Signal) {
	_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	<-s.done
}
