package supervise

// foreignCalls are the 32-bit arm calls that make or use sockets: socket, bind, connect, sendto, sendmsg,
// sendmmsg (arch/arm/tools/syscall.tbl).
var foreignCalls = []int{281, 282, 283, 290, 296, 374}
