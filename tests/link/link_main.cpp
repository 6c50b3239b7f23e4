// Linked against one whole library: fails to link when that library calls upward.
int main() {
  return 0;
}
