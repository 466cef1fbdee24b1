"""What no longer opens the door: the feed, the view each process keeps of it, the watermark. DESIGN section 7."""
