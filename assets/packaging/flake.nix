# Nix: `nix run 'git+https://github.com/raftdeck/raftdeck?dir=assets/packaging'`.
{
  description = "A terminal deck for a live Raft cluster";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "raftdeck";
          version = "0.2.0";
          # The flake lies two folders below the checkout that it builds.
          src = ../..;
          cargoLock.lockFile = ../../Cargo.lock;
          cargoBuildFlags = [
            "--package=raftdeck-tui"
            "--package=raftdeck-node"
          ];
          nativeBuildInputs = [ pkgs.installShellFiles ];
          # The tests start clusters and terminals, which a sandbox does not have; `.ci/run` runs them.
          doCheck = false;
          postInstall = ''
            $out/bin/raftdeck man --dir man1
            installManPage man1/*.1
            for shell in bash fish zsh; do
              $out/bin/raftdeck completions $shell > raftdeck.$shell
            done
            installShellCompletion raftdeck.{bash,fish,zsh}
          '';
          meta = {
            homepage = "https://github.com/raftdeck/raftdeck";
            license = pkgs.lib.licenses.mit;
            mainProgram = "raftdeck";
          };
        };
      });
    };
}
