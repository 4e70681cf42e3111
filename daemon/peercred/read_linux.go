// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package peercred

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
)

// maxGroups is the largest number of groups that a process can have (NGROUPS_MAX of Linux).
const maxGroups = 65536

func read(conn *net.UnixConn) (*Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Peer{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}
	var readErr error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			readErr = fmt.Errorf("getsockopt SO_PEERCRED: %w", err)
			return
		}
		p.UID, p.GID, p.PID = cred.Uid, cred.Gid, cred.Pid
		p.Groups, readErr = groups(fd)
	})
	return p, errors.Join(err, readErr)
}

// groups reads SO_PEERGROUPS, for which x/sys has no function: the value has as many group ids as the peer has
// groups, and ERANGE tells the size that is needed. Kernels before 4.13 do not have it;
// then only the primary group counts.
func groups(fd uintptr) ([]uint32, error) {
	list := make([]uint32, 32)
	for {
		size := uint32(len(list)) * uint32(unsafe.Sizeof(list[0]))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&list[0])), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // size is that of list, which outlives the call
		n := int(size / uint32(unsafe.Sizeof(list[0])))
		switch {
		case errno == 0:
			return list[:min(n, len(list))], nil
		case errno == unix.ERANGE && n > len(list) && n <= maxGroups:
			list = make([]uint32, n)
		case errno == unix.ENOPROTOOPT || errno == unix.ENODATA:
			return nil, nil
		default:
			return nil, fmt.Errorf("getsockopt SO_PEERGROUPS: %w", errno)
		}
	}
}
