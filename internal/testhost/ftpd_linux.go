package testhost

// PortFTP is where VSFTPD listens; its side of an active-mode data connection comes from port 20.
const PortFTP = 21

// FTPFile is what the file "hello" of VSFTPD says.
const FTPFile = "hello from vsftpd\n"

// VSFTPD starts Debian's vsftpd for anonymous users; there is one file, "hello".
func VSFTPD(h *Host, under ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "vsftpd", "vsftpd")
	dir := tempDir(h.t)
	writeFile(h.t, dir, "hello", 0o644, FTPFile[:len(FTPFile)-1])
	conf := writeFile(h.t, tempDir(h.t), "vsftpd.conf", 0o600,
		"listen=NO", "listen_ipv6=YES", // both families on one socket
		"background=NO",
		"anonymous_enable=YES", "local_enable=NO", "no_anon_password=YES",
		"anon_root="+dir,
		"secure_chroot_dir="+tempDir(h.t), // an empty directory
		"connect_from_port_20=YES",
		"xferlog_enable=NO")
	s := h.serve(under, bin, conf)
	h.AwaitListen(s, PortFTP)
	return s
}
