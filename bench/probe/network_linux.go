package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The far host: one address with every port, and two networks, of which each address is there.
const (
	farAddr  = "10.90.0.2"
	hosts    = "10.91.0.0/22"  // 1,024 addresses, of which nft drops what goes to the first 300
	millions = "10.112.0.0/12" // 1,048,576
	dropped  = 300
)

// openPorts are where something listens, which says a word at once.
var openPorts = []string{"22", "80", "443", "3306", "5432", "8080", "9999", "20000", "31000", "44444", "50000", "65000", "65535"}

// network is two namespaces, joined by a cable.
type network struct {
	near, far string
	listener  *exec.Cmd
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func newNetwork() (*network, error) {
	n := &network{near: fmt.Sprintf("bench-probe-%d-near", os.Getpid()), far: fmt.Sprintf("bench-probe-%d-far", os.Getpid())}
	for _, args := range [][]string{
		{"netns", "add", n.near},
		{"netns", "add", n.far},
		{"link", "add", "eth0", "netns", n.near, "type", "veth", "peer", "name", "eth0", "netns", n.far},
		{"-n", n.near, "addr", "add", "10.90.0.1/24", "dev", "eth0"},
		{"-n", n.far, "addr", "add", farAddr + "/24", "dev", "eth0"},
		{"-n", n.far, "addr", "add", hosts, "dev", "lo"},
		{"-n", n.far, "addr", "add", millions, "dev", "lo"},
		{"-n", n.near, "link", "set", "lo", "up"},
		{"-n", n.near, "link", "set", "eth0", "up"},
		{"-n", n.far, "link", "set", "lo", "up"},
		{"-n", n.far, "link", "set", "eth0", "up"},
		{"-n", n.near, "route", "add", "default", "via", farAddr},
	} {
		if err := ip(args...); err != nil {
			n.close()
			return nil, err
		}
	}
	rules := exec.Command("ip", "netns", "exec", n.far, "nft", "-f", "-")
	rules.Stdin = strings.NewReader("table ip drops { chain in { type filter hook input priority 0; ip daddr 10.91.0.1-10.91.1.44 drop; }; }")
	if out, err := rules.CombinedOutput(); err != nil {
		n.close()
		return nil, fmt.Errorf("nft: %w: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		n.close()
		return nil, err
	}
	n.listener = exec.Command("ip", "netns", "exec", n.far, self, "listen")
	ready, err := n.listener.StdoutPipe()
	if err == nil {
		err = n.listener.Start()
	}
	if err == nil {
		_, err = ready.Read(make([]byte, 1))
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("listen in the far namespace: %w", err)
	}
	return n, nil
}

func (n *network) close() {
	if n.listener != nil && n.listener.Process != nil {
		_ = n.listener.Process.Kill()
		_ = n.listener.Wait()
	}
	_ = ip("netns", "del", n.near)
	_ = ip("netns", "del", n.far)
}

// command runs in the near namespace.
func (n *network) command(argv ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.near}, argv...)...)
}

// listen is the far end: this program, started again.
func listen() error {
	for _, port := range openPorts {
		l, err := net.Listen("tcp4", net.JoinHostPort(farAddr, port))
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte("220 far.example ready\r\n"))
				_ = c.Close()
			}
		}()
	}
	fmt.Println(strconv.Itoa(len(openPorts)))
	select {}
}
