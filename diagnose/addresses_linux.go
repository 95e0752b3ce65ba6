package diagnose

import (
	"net/netip"
	"syscall"
	"unsafe"
)

// interfaceAddresses lists this network namespace's addresses, by rtnetlink(7). Package net would do it too, but with it
// comes cgo's resolver, and every start of sallyport, of which a run has two, would take a millisecond more.
func interfaceAddresses() []Address {
	names := map[uint32]string{}
	for _, m := range dump(syscall.RTM_GETLINK) {
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		index := (*syscall.IfInfomsg)(unsafe.Pointer(&m.Data[0])).Index
		if b := routeAttr(&m, syscall.IFLA_IFNAME); len(b) > 0 {
			names[uint32(index)] = string(b[:len(b)-1]) // ends in a NUL
		}
	}
	var out []Address
	for _, m := range dump(syscall.RTM_GETADDR) {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		index := (*syscall.IfAddrmsg)(unsafe.Pointer(&m.Data[0])).Index
		b := routeAttr(&m, syscall.IFA_LOCAL) // of a point-to-point interface, IFA_ADDRESS is the other end's
		if b == nil {
			b = routeAttr(&m, syscall.IFA_ADDRESS)
		}
		if ip, ok := netip.AddrFromSlice(b); ok {
			out = append(out, Address{Interface: names[index], Addr: ip.Unmap()})
		}
	}
	return out
}

// dump is the kernel's answer to a dump request, nil where it gave none.
func dump(request int) []syscall.NetlinkMessage {
	b, err := syscall.NetlinkRIB(request, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil
	}
	return msgs
}

// routeAttr is the value of a message's attribute, nil where it has none.
func routeAttr(m *syscall.NetlinkMessage, typ uint16) []byte {
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return nil
	}
	for _, a := range attrs {
		if a.Attr.Type == typ {
			return a.Value
		}
	}
	return nil
}
