// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"testing"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// TestCountedCalls: what one user can have at a time is bounded where an answer can be large.
func TestCountedCalls(t *testing.T) {
	t.Parallel()
	counted := countedCalls()
	for method, want := range map[string]bool{
		nodedv1.StatsService_List_FullMethodName: true, nodedv1.StatsService_Query_FullMethodName: true,
		nodedv1.StatsService_Watch_FullMethodName: true, nodedv1.StatsService_WatchList_FullMethodName: true,
		nodedv1.JournalService_Read_FullMethodName: true, nodedv1.NodeService_GetHealth_FullMethodName: false,
	} {
		if counted(method) != want {
			t.Errorf("counted(%q) = %v", method, !want)
		}
	}
}
