# Homebrew: `brew install --formula ./raftdeck.rb`, or in a tap as Formula/raftdeck.rb. A release replaces the sums by those of its
# SHA256SUMS.
class Raftdeck < Formula
  desc "Terminal deck for a live Raft cluster: watch it, break it, heal it"
  homepage "https://github.com/raftdeck/raftdeck"
  version "0.2.0"
  license "MIT"

  base = "https://github.com/raftdeck/raftdeck/releases/download/v#{version}/raftdeck-#{version}"

  on_macos do
    on_arm do
      url "#{base}-aarch64-apple-darwin.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000"
    end
    on_intel do
      url "#{base}-x86_64-apple-darwin.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000"
    end
  end

  on_linux do
    on_arm do
      url "#{base}-aarch64-unknown-linux-musl.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000"
    end
    on_intel do
      url "#{base}-x86_64-unknown-linux-musl.tar.gz"
      sha256 "0000000000000000000000000000000000000000000000000000000000000000"
    end
  end

  def install
    bin.install "raftdeck", "raftdeck-node"
    man1.install Dir["man/man1/*"]
    bash_completion.install "completions/raftdeck.bash" => "raftdeck"
    zsh_completion.install "completions/_raftdeck"
    fish_completion.install "completions/raftdeck.fish"
    doc.install "README.md", "CHANGELOG.md", "THIRD-PARTY.txt", "config.toml"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/raftdeck --version")
    script = testpath/"script.txt"
    script.write "wait leader\nput color blue\nexpect get color blue\n"
    system bin/"raftdeck", "up", "--engine", "sim", "--script", script
  end
end
