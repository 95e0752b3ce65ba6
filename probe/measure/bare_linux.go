package measure

import "golang.org/x/sys/unix"

// keepBare makes a TCP socket put off the acknowledgement that completes a connection. The caller closes it at once, by a reset (SO_LINGER of no
// time): the other end's kernel has then answered a SYN, and never had a connection to hand to its program, which so counts and logs nothing.
//
// A socket without TCP_QUICKACK (tcp(7)) is in pingpong mode, in which the kernel waits for data to go with the ACK of a SYN-ACK, for at most 200 ms
// (tcp_rcv_synsent_state_process in net/ipv4/tcp_input.c). HAProxy has it as tcp-smart-connect.
func keepBare(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_QUICKACK, 0)
}
