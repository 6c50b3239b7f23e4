// The one translation unit of a test binary that holds CAF's test runner and main().
#define CAF_SUITE support
#include "caf/all.hpp"
#include "caf/test/unit_test_impl.hpp"
