"""What the simulator writes for Pressrun's own calls: believable copy made from templates and a brief."""
