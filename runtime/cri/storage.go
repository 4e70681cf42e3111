// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
)

// errAway: there is no connection to the runtime, and nothing else is known of why.
var errAway = errors.New("the container runtime has not answered yet")

// WritableLayers implements inventory.Stored.
func (s *source) WritableLayers(ctx context.Context) (map[string]inventory.WritableLayer, error) {
	c, err := s.connected()
	if err != nil {
		return nil, err
	}
	list, err := ask(ctx, c, c.runtime.ListContainerStats, &runtimeapi.ListContainerStatsRequest{})
	if err != nil {
		return nil, c.refuse(ctx, err)
	}
	layers := make(map[string]inventory.WritableLayer, len(list.GetStats()))
	for _, item := range list.GetStats() {
		id, w := item.GetAttributes().GetId(), item.GetWritableLayer()
		// Without a time it was not measured.
		if id == "" || w.GetTimestamp() <= 0 || len(layers) >= maxEntries {
			continue
		}
		layers[id] = inventory.WritableLayer{
			Time: unixNano(w.Timestamp), Bytes: w.GetUsedBytes().GetValue(), Inodes: w.GetInodesUsed().GetValue(),
		}
	}
	return layers, nil
}

// maxImageFilesystems is more than any runtime has.
const maxImageFilesystems = 100

// ImageFilesystems implements inventory.Stored.
func (s *source) ImageFilesystems(ctx context.Context) ([]inventory.ImageFilesystem, error) {
	c, err := s.connected()
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, c, runtimeapi.NewImageServiceClient(c.ClientConn).ImageFsInfo, &runtimeapi.ImageFsInfoRequest{})
	if err != nil {
		return nil, c.refuse(ctx, err)
	}
	items := answer.GetImageFilesystems()
	found := make([]inventory.ImageFilesystem, 0, len(items))
	for _, item := range items[:min(len(items), maxImageFilesystems)] {
		found = append(found, inventory.ImageFilesystem{
			Time: unixNano(item.GetTimestamp()), MountPoint: clip(item.GetFsId().GetMountpoint(), maxMessage),
			Bytes: item.GetUsedBytes().GetValue(), Inodes: item.GetInodesUsed().GetValue(),
		})
	}
	return found, nil
}

// refuse makes an error of a call that some runtimes do not serve one to show.
func (c *conn) refuse(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("the runtime does not tell: %w", errors.ErrUnsupported)
	}
	return c.explain(err)
}

// connected returns the connection to a runtime that answers.
func (s *source) connected() (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn != nil:
		return s.conn, nil
	case s.status.Err != nil:
		return nil, s.status.Err
	}
	return nil, errAway
}

// setConnection notes the connection that others than Run may use too; nil for none.
func (s *source) setConnection(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = c
}
