package reflect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// steered is an address all of whose ports are to be answered by the sockets on one of them.
type steered struct {
	addr netip.Addr
	port uint16
}

// rules are nftables rules that live as long as their netlink socket: the kernel takes the table away with it, also when this process is killed.
type rules struct {
	sock  int
	table string
	owned bool // the kernel takes it away by itself
}

// What x/sys has not, of linux/netfilter/nf_tables.h.
const (
	nftTableOwner        = 0x2 // NFT_TABLE_F_OWNER, since Linux 5.12
	nftaTproxyFamily     = 1
	nftaTproxyAddr       = 2
	nftaTproxyPort       = 3
	nftaSocketKey        = 1
	nftaSocketDreg       = 2
	nftSocketTransparent = 0

	// After the translation of destinations (NF_IP_PRI_NAT_DST, -100): what this host passes on to its containers or elsewhere is no longer for its own
	// address, and is let be.
	steerPriority = -90
)

// steer makes the rules. A packet for a socket that is there already, such as sshd's or that of a client of this host, is let be, whenever that
// came: only what nobody has is steered. The addresses are this host's, so no routing has to be changed for it.
func steer(to []steered, except []Ports) (*rules, error) {
	sock, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, steerError(err)
	}
	_ = unix.SetsockoptTimeval(sock, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	r := &rules{sock: sock, table: fmt.Sprintf("sallyport-reflect-%d", os.Getpid()), owned: true}
	err = r.install(to, except)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		r.owned = false
		err = r.install(to, except)
	}
	if err != nil {
		_ = unix.Close(sock)
		return nil, steerError(err)
	}
	return r, nil
}

func steerError(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("set up TPROXY by nftables: %w: all ports take CAP_NET_ADMIN; run it as root, or once: setcap cap_net_admin,cap_net_bind_service=ep $(command -v sallyport-probe)", err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("set up TPROXY by nftables: %w: the kernel lacks it; try modprobe nft_tproxy nft_socket, or list ports with --listen", err)
	}
	return fmt.Errorf("set up TPROXY by nftables: %w", err)
}

// close takes the rules away.
func (r *rules) close() {
	if r.sock < 0 {
		return
	}
	if !r.owned {
		b := &batch{}
		b.begin()
		b.message(unix.NFT_MSG_DELTABLE, 0, func() { b.text(unix.NFTA_TABLE_NAME, r.table) })
		b.end()
		_ = r.send(b)
	}
	_ = unix.Close(r.sock)
	r.sock = -1
}

func (r *rules) install(to []steered, except []Ports) error {
	const chain = "ports"
	b := &batch{}
	b.begin()
	b.message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, func() {
		b.text(unix.NFTA_TABLE_NAME, r.table)
		if r.owned {
			b.u32(unix.NFTA_TABLE_FLAGS, nftTableOwner)
		}
	})
	b.message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, func() {
		b.text(unix.NFTA_CHAIN_TABLE, r.table)
		b.text(unix.NFTA_CHAIN_NAME, chain)
		b.nest(unix.NFTA_CHAIN_HOOK, func() {
			b.u32(unix.NFTA_HOOK_HOOKNUM, unix.NF_INET_PRE_ROUTING)
			priority := int32(steerPriority)
			b.u32(unix.NFTA_HOOK_PRIORITY, uint32(priority))
		})
		b.text(unix.NFTA_CHAIN_TYPE, "filter")
	})
	rule := func(expressions func()) {
		b.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, func() {
			b.text(unix.NFTA_RULE_TABLE, r.table)
			b.text(unix.NFTA_RULE_CHAIN, chain)
			b.nest(unix.NFTA_RULE_EXPRESSIONS, expressions)
		})
	}
	for _, s := range to {
		rule(func() { b.destination(s.addr); b.foreignSocket(); b.accept() })
		for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			for _, p := range except {
				rule(func() { b.destination(s.addr); b.protocol(protocol); b.ports(p); b.accept() })
			}
			rule(func() { b.destination(s.addr); b.protocol(protocol); b.tproxy(s) })
		}
	}
	b.end()
	return r.send(b)
}

// send sends a batch, and waits until the kernel has taken it: each message of it asks for an answer.
func (r *rules) send(b *batch) error {
	if err := unix.Sendto(r.sock, b.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for left := b.sent; left > 0; {
		n, _, err := unix.Recvfrom(r.sock, buf, 0)
		if err != nil {
			return err
		}
		for m := buf[:n]; len(m) >= unix.SizeofNlMsghdr; {
			size := int(binary.NativeEndian.Uint32(m))
			if size < unix.SizeofNlMsghdr || size > len(m) {
				return unix.EBADMSG
			}
			if binary.NativeEndian.Uint16(m[4:]) == unix.NLMSG_ERROR && size >= unix.SizeofNlMsghdr+4 {
				if code := int32(binary.NativeEndian.Uint32(m[unix.SizeofNlMsghdr:])); code != 0 {
					r.drain(buf)
					return unix.Errno(-code)
				}
				left--
			}
			m = m[min(len(m), (size+3)&^3):]
		}
	}
	return nil
}

// drain takes the answers that come after an error out of the way: the kernel has sent them already.
func (r *rules) drain(buf []byte) {
	for {
		if _, _, err := unix.Recvfrom(r.sock, buf, unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}
