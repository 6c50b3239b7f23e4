// Every limit and default of the project, its unit in its name. Nothing else holds such numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flow::limits {

// A table: one line each.
// clang-format off

// -- values and payloads ------------------------------------------------------
inline constexpr size_t payload_bytes_max = 64u << 20;          ///< arguments, or result, of one call
inline constexpr size_t value_depth_max = 64;                   ///< nesting of one value
inline constexpr size_t integer_bytes_max = 4u << 10;           ///< of one integer; to digits and back takes time in the square
inline constexpr size_t error_excerpt_bytes_max = 64;           ///< of what a user typed, repeated in an error
inline constexpr size_t arguments_kept_bytes_max = 16u << 10;   ///< above it history keeps a hash only
inline constexpr size_t error_text_bytes_max = 64u << 10;       ///< type, message and traceback of a failure

// -- names and catalog --------------------------------------------------------
inline constexpr size_t name_bytes_max = 200;
inline constexpr size_t catalog_objects_max = 1'000'000;
inline constexpr uint32_t partitions_max = 1u << 24;            ///< 24 bits of a call id
inline constexpr size_t description_bytes_max = 16u << 10;
inline constexpr size_t spec_text_bytes_max = 4u << 10;         ///< a single text in a spec, when nothing else is said
inline constexpr size_t spec_items_max = 10'000;                ///< entries of one list or map in a spec
inline constexpr size_t labels_max = 64;                        ///< of one object
inline constexpr size_t replacements_bytes_max = 256u << 10;        ///< names and source of one processor's replaced functions
inline constexpr size_t processor_environment_bytes_max = 64u << 10; ///< names and values of one processor
inline constexpr uint32_t cpus_max = 4'096;                     ///< of one node, processor or deployment
inline constexpr uint64_t interval_ms_max = 366ull * 24 * 3'600'000;
inline constexpr size_t names_shown_max = 20;                   ///< in one error; more are counted

// -- queues -------------------------------------------------------------------
inline constexpr uint64_t queue_calls_max = 2'000'000;          ///< default max length of a queue
inline constexpr uint64_t queue_bytes_max = 8ull << 30;         ///< default max bytes of a queue
inline constexpr uint64_t queue_calls_ceiling = 1'000'000'000;  ///< what max length may be set to
inline constexpr uint64_t queue_bytes_ceiling = 1ull << 50;     ///< what max bytes may be set to
inline constexpr uint64_t queue_ttl_ms_max = 366ull * 24 * 3'600'000;
inline constexpr size_t resident_arguments_bytes_max = 64u << 20; ///< per socket; above it they are read back from the store
inline constexpr uint8_t priority_max = 9;
inline constexpr uint8_t priority_default = 4;
inline constexpr size_t idempotency_key_bytes_max = 256;

// -- workflows ----------------------------------------------------------------
inline constexpr size_t workflow_steps_max = 100'000;           ///< of one workflow; refused when it is built
inline constexpr size_t workflow_depth_max = 1'000;             ///< steps inside steps; refused when it is built
inline constexpr size_t workflow_fan_out_bytes_max = 256u << 20; ///< what is prepended to all members of one parallel together; more fails the step
inline constexpr size_t workflow_text_bytes_shown_max = 4u << 10;

// -- retries and time ---------------------------------------------------------
inline constexpr uint32_t retries_default = 0;                  ///< a function runs twice only when that was asked for
inline constexpr uint32_t retries_max = 1'000;
inline constexpr double retry_backoff_default = 2.0;
inline constexpr double retry_backoff_max = 100.0;
inline constexpr uint64_t retry_delay_ms_default = 1'000;
inline constexpr uint64_t retry_delay_ms_max = 3'600'000;
inline constexpr uint64_t time_limit_ms_max = 30ull * 24 * 3'600'000;
inline constexpr size_t attempts_kept_max = 100;                ///< of one call, told one by one; earlier ones are counted
inline constexpr size_t attempt_message_bytes_max = 1u << 10;   ///< of each of them
inline constexpr uint32_t worker_deaths_max = 3;                ///< a call that kills its worker this often is failed

// -- journal ------------------------------------------------------------------
inline constexpr size_t commit_bytes_max = 1u << 20;            ///< one group commit takes about this much
inline constexpr size_t append_bytes_target = 64u << 20;        ///< a socket closes a batch of rows at about this size
inline constexpr size_t ended_bytes_max = 128u << 20;           ///< what history keeps of one call
inline constexpr size_t call_end_bytes_max = 384u << 20;        ///< a call's end with all that follows from it: one atomic batch
inline constexpr size_t store_key_bytes_max = 1u << 10;
inline constexpr size_t store_value_bytes_max = 160u << 20;
inline constexpr size_t store_batch_bytes_max = 512u << 20;
inline constexpr uint64_t high_water_lag_ms_max = 1'000;
inline constexpr size_t writers_max = 10'000;                   ///< named writers whose last outcomes are remembered
inline constexpr size_t writer_outcomes_kept_min = 16;          ///< and all those of the writer's last group commit
inline constexpr size_t watch_log_changes_max = 16'384;         ///< a watcher further behind lists again
inline constexpr size_t watch_log_bytes_max = 16u << 20;
inline constexpr size_t store_memtable_bytes = 64u << 20;
inline constexpr size_t store_block_cache_bytes = 32u << 20;
inline constexpr size_t store_blob_bytes_min = 4u << 10;        ///< larger values lie in blob files
inline constexpr uint64_t store_wal_bytes_max = 256u << 20;
inline constexpr size_t store_log_bytes_max = 1u << 20;         ///< of each of the engine's own log files
inline constexpr int store_files_open_max = 512;
inline constexpr uint64_t store_free_bytes_min = 8u << 20;      ///< a full store is not tried again below it

// -- worker protocol ----------------------------------------------------------
inline constexpr size_t worker_frame_bytes_max = 192u << 20;
inline constexpr size_t worker_frame_calls_max = 256;
inline constexpr size_t worker_frame_bytes_target = 1u << 20;   ///< more arguments than this begin a new frame
inline constexpr size_t worker_credit_max = 256;                ///< calls handed to one worker ahead of its results
inline constexpr uint64_t worker_batch_us_target = 2'000;       ///< a worker is given about this much work ahead
inline constexpr size_t call_output_bytes_max = 1u << 20;       ///< stdout + stderr kept for one attempt
inline constexpr uint64_t worker_start_ms_max = 30'000;
inline constexpr uint64_t worker_flush_ms_max = 10;             ///< a finished result never waits longer behind a slow call
inline constexpr uint64_t worker_log_delay_ms = 100;            ///< a call that runs longer has its output shown while it runs
inline constexpr size_t worker_log_piece_bytes_max = 16u << 10;
inline constexpr size_t worker_last_words_bytes_max = 4u << 10; ///< what a dying worker wrote, kept for the reason of its exit
inline constexpr size_t worker_read_bytes_max = 256u << 10;     ///< one read of a worker's socket

// -- sandbox ------------------------------------------------------------------
inline constexpr uint64_t sandbox_memory_bytes_min = 16ull << 20;
inline constexpr uint64_t sandbox_memory_bytes_max = 1ull << 46;
inline constexpr uint64_t sandbox_memory_bytes_default = 2ull << 30;
inline constexpr uint64_t sandbox_tmp_bytes_default = 256u << 20;
inline constexpr uint64_t sandbox_processes_default = 64;
inline constexpr uint64_t sandbox_files_default = 256;
inline constexpr uint64_t sandbox_file_bytes_default = 1ull << 30;
inline constexpr uint32_t sandbox_uid_first = 1'879'048'192;    ///< as root every sandbox has a user of its own from here on
inline constexpr uint32_t sandbox_uids_max = 65'536;
inline constexpr uint64_t sandbox_probe_ms_max = 10'000;
inline constexpr uint64_t sandbox_teardown_ms_max = 2'000;      ///< until the last process of a killed sandbox is gone
inline constexpr int sandbox_oom_score = 500;                   ///< the kernel ends a worker before it ends the daemon

// -- code loader --------------------------------------------------------------
inline constexpr uint64_t repository_bytes_max = 2ull << 30;
inline constexpr size_t repository_url_bytes_max = 2'048;
inline constexpr uint64_t checkout_files_max = 200'000;         ///< files, links and directories together
inline constexpr uint64_t checkout_bytes_max = 2ull << 30;
inline constexpr uint64_t checkout_file_bytes_max = 256u << 20; ///< a larger one is held in memory while it is written
inline constexpr uint32_t checkout_depth_max = 128;             ///< directories inside directories
inline constexpr size_t loads_at_once_max = 4;                  ///< fetches and builds; more wait
inline constexpr uint64_t fetch_ms_max = 600'000;
inline constexpr uint64_t connect_ms_max = 30'000;              ///< for one address of a repository's host
inline constexpr uint64_t git_object_bytes_max = 512u << 20;    ///< held in memory while a fetch is indexed
inline constexpr uint64_t git_objects_max = 20'000'000;         ///< in one fetch
inline constexpr uint64_t node_address_bytes_min = 8ull << 30;  ///< V8 reserves far more than it uses
inline constexpr uint64_t node_threads = 16;                     ///< its own, beside those of the author
inline constexpr uint64_t environment_build_ms_max = 1'800'000;
inline constexpr uint64_t environment_bytes_max = 16ull << 30;  ///< one environment with its build directory
inline constexpr uint64_t environment_memory_bytes = 8ull << 30; ///< compilers and linkers of a build
inline constexpr uint64_t environment_processes = 512;
inline constexpr uint64_t environment_tmp_bytes = 4ull << 30;
inline constexpr uint64_t environment_file_bytes_max = 4ull << 30;
inline constexpr uint64_t environment_check_ms = 2'000;         ///< how often the size of a build is looked at
inline constexpr size_t environment_error_lines = 40;           ///< of the installer, kept for the error
inline constexpr uint64_t discovery_ms_max = 30'000;
inline constexpr uint64_t discovery_memory_bytes = 1ull << 30;
inline constexpr size_t discovery_answer_bytes_max = 8u << 20;

// -- supervision --------------------------------------------------------------
inline constexpr uint64_t restart_delay_ms_min = 100;
inline constexpr uint64_t restart_delay_ms_max = 30'000;
inline constexpr uint32_t restarts_per_minute_max = 5;          ///< above it a supervisor fails upward

// -- API port -----------------------------------------------------------------
inline constexpr size_t http_header_bytes_max = 8u << 10;
inline constexpr size_t request_bytes_before_login_max = 4u << 10;
inline constexpr size_t api_frame_bytes_max = 160u << 20;
inline constexpr size_t api_frame_messages_max = 65'536;        ///< a decoded message is larger than its bytes
inline constexpr size_t api_batch_bytes_target = 1u << 20;      ///< a frame is closed at about this size
inline constexpr size_t api_read_ahead_bytes_max = 16u << 20;   ///< read from one client before its session has caught up
inline constexpr size_t api_read_bytes_step = 64u << 10;        ///< buffers grow by what has arrived, never by what is announced
inline constexpr size_t api_connections_max = 2'000;
inline constexpr size_t api_calls_in_flight_max = 65'536;       ///< per connection; more waits in the client
inline constexpr size_t api_send_queue_bytes_max = 256u << 20;  ///< a slower reader is disconnected
inline constexpr uint64_t api_header_ms_max = 10'000;           ///< a request's header, and its body, arrive within this
inline constexpr uint64_t api_idle_ms_max = 20'000;             ///< silence after which a peer that answers no ping is gone
inline constexpr uint64_t api_keep_alive_ms_max = 60'000;       ///< an HTTP connection without a request
inline constexpr uint64_t api_close_ms_max = 1'000;             ///< for the closing handshake
inline constexpr uint64_t api_wait_ms_max = 3'600'000;          ///< `wait_ms` of a REST request
inline constexpr uint64_t client_clock_skew_ms_max = 24ull * 3'600'000; ///< between a submit's time and the node's
inline constexpr uint64_t call_delay_ms_max = 3'660ull * 24 * 3'600'000; ///< ten years; also until it expires
inline constexpr uint64_t client_retry_ms_min = 50;
inline constexpr uint64_t client_retry_ms_max = 2'000;
inline constexpr size_t filter_bytes_max = 8u << 10;
inline constexpr size_t filter_depth_max = 64;                  ///< parentheses and `not` inside one another
inline constexpr int64_t pattern_memory_bytes_max = 4 << 20;    ///< of one compiled regular expression
inline constexpr size_t list_items_max = 10'000;
inline constexpr size_t list_items_default = 100;
inline constexpr size_t event_subscriber_queue_max = 4'096;
inline constexpr uint64_t request_timeout_ms_default = 30'000;

// -- retention ----------------------------------------------------------------
inline constexpr uint64_t history_age_ms_default = 7ull * 24 * 3'600'000;

// -- command line -------------------------------------------------------------
inline constexpr size_t cli_lines_in_flight_max = 4'096;        ///< of `task run --jsonl`, between stdin and stdout
inline constexpr size_t cli_bytes_in_flight_max = 64u << 20;
inline constexpr uint64_t cli_node_start_ms_max = 30'000;       ///< `flow up` waits this long for `ready`
inline constexpr uint64_t cli_node_stop_ms_max = 60'000;        ///< `flow down` waits this long for the drain
inline constexpr uint64_t cli_complete_ms_max = 200;            ///< completion answers without the node after this

// clang-format on

} // namespace flow::limits
